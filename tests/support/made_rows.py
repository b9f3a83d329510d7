"""Makes rows of measurements like those of a benchmark, for tests that measure nothing."""

from latency_models.measuring.measurements import Measurement


def row(part, latency_ms, reference_ms=1.0, **changes):
    """A row for `part` with latency `latency_ms`, while the reference took `reference_ms`."""
    relative = latency_ms / reference_ms
    return Measurement(
        **{
            "key": part.key,
            "kind": part.kind,
            "label": part.label,
            "recipe": "int8",
            "latency_ms": latency_ms,
            "p10_ms": latency_ms,
            "p90_ms": latency_ms,
            "count": 20,
            "coefficient_of_variation": 0.0,
            "relative_latency": relative,
            "half_relative_latencies": (relative, relative),
            "reference": "network-reference",
            "reference_ms": reference_ms,
            "spec": part.spec,
            "resolution": part.resolution,
            **changes,
        }
    )
