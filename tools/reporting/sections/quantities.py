"""Names and units of the quantities that a target can have."""

from tools.reporting.drawing import svg
from tools.reporting.sections import figures

NAMES = {
    "latency_ms": "latency",
    "macs": "multiply-accumulates",
    "params": "parameters",
    "bytes": "bytes of weights",
}
UNITS = {"latency_ms": "ms", "macs": "million MACs", "params": "thousand", "bytes": "kB"}
_SCALES = {"latency_ms": 1.0, "macs": 1e-6, "params": 1e-3, "bytes": 1e-3}


def scaled(value: float, quantity: str) -> float:
    """Converts a value to the unit in `UNITS`."""
    return value * _SCALES[quantity]


def shown(value: float, quantity: str) -> str:
    """Formats a value with three significant digits and its unit."""
    return f"{svg.short(scaled(value, quantity))}{figures.SPACE}{UNITS[quantity]}"
