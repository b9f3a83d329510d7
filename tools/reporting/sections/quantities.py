"""What a search can aim at, in words."""

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
    """A value in the unit of `UNITS`."""
    return value * _SCALES[quantity]


def shown(value: float, quantity: str) -> str:
    """A value with its unit, three significant digits."""
    return f"{svg.short(scaled(value, quantity))}{figures.SPACE}{UNITS[quantity]}"
