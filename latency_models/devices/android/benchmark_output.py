"""Parses the output of `benchmark_model`, for both programs of this name.

TensorFlow Lite's and LiteRT's programs share most flags. Both print one line of statistics for the
warm-up and one for the measured runs, in microseconds, for example

    INFO: count=50 first=121183 curr=115199 min=111222 max=121324 avg=116066 std=1906
    count=50 curr=12(all same) p5=12 median=12 p95=12

A line may start with `INFO:` or a prefix of Android's log. Only newer builds print percentiles.
Large numbers may be printed as `1.23457e+06`. A build that profiles operators prints such lines
also about their times and memory; the right ones follow a line `Running benchmark for ...`.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from typing import Literal

# TensorFlow Lite's program or LiteRT's.
Program = Literal["tflite", "litert"]

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_FIELD = re.compile(rf"\b(count|first|curr|min|max|avg|std|p5|median|p95)=({_NUMBER})(?![\w.])")
_AVERAGE = re.compile(rf"(?:Inference(?: \(avg\))?|no stats): ({_NUMBER})(?![\w.])")
_FINAL = re.compile(r"nference timings in us: ")
_BEGINS = "Running benchmark for "
_PROFILE = re.compile(r"\((?:microseconds|bytes)\):\s*(?:count|curr)=")
# The median is printed in whole microseconds. If the mean is this near to it, the mean is used as
# the more precise value; if not, the mean counts as disturbed by slow runs.
_ROUNDING_US = 1.0

UNKNOWN_OPTION = re.compile(r"Unconsumed cmdline flags|Failed to parse flag", re.IGNORECASE)
_FAILURE = re.compile(
    UNKNOWN_OPTION.pattern + "|Failed to load model|Failed to compile model|Failed to apply"
    "|Failed to allocate tensors|Disallowed CPU fallback|Benchmarking failed",
    re.IGNORECASE,
)
# What the program says of a default delegate that it goes on without.
_GOES_ON = re.compile(r"continu\w* anyway|ignor\w+ (?:the error|failed application)", re.IGNORECASE)
_CAUSE = re.compile(
    r"\berror\b|failed|failure|not supported|isn't supported|unsupported|didn't find op|could not"
    r"|cannot|can't|not compatible|isn't compatible|operations will run|fallback|fatal|dlopen",
    re.IGNORECASE,
)
_LOG_PREFIX = re.compile(
    r"^(?:[\d:. -]+[VDIWEF] \w+\s*: )?(?:(?:INFO|ERROR|WARN(?:ING)?|VERBOSE): )?"
)
_MOST_CAUSES = 4


@dataclasses.dataclass(frozen=True)
class Runs:
    """The measured runs of one model.

    Attributes:
        count: number of runs.
        mean_us: their mean, in microseconds.
        min_us: the fastest run, in microseconds.
        max_us: the slowest run, in microseconds.
        median_us: their median, in microseconds; None for older builds.
    """

    count: int
    mean_us: float
    min_us: float
    max_us: float
    median_us: float | None

    @property
    def latency_ms(self) -> float:
        """Milliseconds per run: the median, or the mean if both agree, as it is more precise."""
        median_us = self.median_us
        if median_us is None or abs(self.mean_us - median_us) <= _ROUNDING_US:
            return self.mean_us / 1e3
        return median_us / 1e3


def parse(text: str) -> Runs:
    """Parses the measured runs in the whole output of `benchmark_model`.

    Raises:
        ValueError: the program failed, ignored a flag, or did not print the statistics of a warm-up
            and of at least one run; the message is one line.
    """
    failure = fault(text)
    if failure:
        raise ValueError(f"benchmark_model: {failure}")
    # A last line without a newline is incomplete, and its last number may be cut short.
    phases = _phases(text[: text.rfind("\n") + 1].splitlines())
    if len(phases) != 2:
        raise ValueError(
            "benchmark_model: expected two lines of statistics (count=...), of the warm-up and of "
            f"the runs, received {len(phases)}; the output ends with {_ending(text)}"
        )
    runs = _runs(phases[1])
    stated = _stated_average(text)
    if stated is not None and not math.isclose(stated, runs.mean_us, rel_tol=1e-3, abs_tol=1.0):
        raise ValueError(
            f"benchmark_model: expected its last line to repeat the mean {runs.mean_us:g} us of "
            f"its statistics, received {stated:g} us"
        )
    return runs


def fault(text: str) -> str | None:
    """The line in which `benchmark_model` reports an error; None if there is none."""
    for line in text.splitlines():
        if _FAILURE.search(line) and not _GOES_ON.search(line):
            return line.strip()[:300]
    return None


def causes(text: str) -> str:
    """The lines in which the program says why it failed, as one; empty if there are none.

    The last ones of a program say only that it failed; the cause stands before.
    """
    found: list[str] = []
    for line in text.splitlines():
        line = _LOG_PREFIX.sub("", line.strip()).strip()
        if _CAUSE.search(line) and not _GOES_ON.search(line) and line not in found:
            found.append(line[:160])
    return " | ".join(found[:_MOST_CAUSES])


def went_on(text: str) -> str | None:
    """The line in which the program says that it goes on without its default delegate."""
    lines = (line.strip() for line in text.splitlines() if _GOES_ON.search(line))
    return next(lines, None)


def program(usage: str) -> Program:
    """Recognises the program by its output for `--help`.

    Raises:
        ValueError: it is neither of the two.
    """
    if "--use_npu=" in usage or "--use_profiler=" in usage:
        return "litert"
    if "--use_xnnpack=" in usage or "--enable_op_profiling=" in usage:
        return "tflite"
    raise ValueError(
        "expected the flags of TensorFlow Lite's or LiteRT's benchmark_model from its --help, "
        f"received {_ending(usage)}"
    )


def options(usage: str) -> frozenset[str]:
    """Names of the options that the output for `--help` lists."""
    return frozenset(re.findall(r"--(\w+)=", usage))


def _phases(lines: Sequence[str]) -> list[dict[str, float]]:
    """The statistics of the warm-up and of the measured runs, in the order of the output."""
    begun = [i for i, line in enumerate(lines) if _BEGINS in line]
    if begun:
        parts = [lines[i:j] for i, j in zip(begun, [*begun[1:], len(lines)], strict=True)]
        return [fields for fields in map(_first_fields, parts) if fields]
    return [f for line in lines if not _PROFILE.search(line) and (f := _fields(line))]


def _first_fields(lines: Sequence[str]) -> dict[str, float]:
    found = (_fields(line) for line in lines if not _PROFILE.search(line))
    return next((fields for fields in found if fields), {})


def _fields(line: str) -> dict[str, float]:
    """The statistics on one line, by name; empty for other lines."""
    found = {name: float(value) for name, value in _FIELD.findall(line)}
    return found if "count" in found and "curr" in found else {}


def _runs(fields: dict[str, float]) -> Runs:
    spread = {"min", "max", "avg"} & set(fields)
    if len(spread) not in (0, 3) or ("first" in fields and not spread):
        raise ValueError(
            "benchmark_model: expected min, max and avg in its statistics, received "
            f"{', '.join(fields)}"
        )
    # If all runs took the same time, it is printed once, as `curr`.
    same = fields["curr"]
    runs = Runs(
        count=int(fields["count"]),
        mean_us=fields.get("avg", same),
        min_us=fields.get("min", same),
        max_us=fields.get("max", same),
        median_us=fields.get("median"),
    )
    values = (runs.mean_us, runs.min_us, runs.max_us)
    in_order = runs.min_us <= runs.mean_us * (1 + 1e-5) and runs.mean_us <= runs.max_us * (1 + 1e-5)
    if runs.median_us is not None:
        in_order = in_order and runs.min_us <= runs.median_us <= runs.max_us
    if runs.count < 1 or not all(math.isfinite(v) and v > 0.0 for v in values) or not in_order:
        raise ValueError(
            "benchmark_model: expected at least one run and 0 < min <= avg <= max, received "
            f"count={runs.count} min={runs.min_us:g} avg={runs.mean_us:g} max={runs.max_us:g}"
        )
    return runs


def _stated_average(text: str) -> float | None:
    """The mean on the last line of TensorFlow Lite's program; LiteRT's has no such line."""
    for line in reversed(text.splitlines()):
        if _FINAL.search(line):
            found = _AVERAGE.findall(line)
            return float(found[-1]) if found else None
    return None


def _ending(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return repr(lines[-1][:200]) if lines else "nothing"
