"""What TensorFlow Lite's `benchmark_model` says about the delegates that it applied.

If the phone or the model does not support a delegate, the program times the CPU and says so only in
its output. Builds up to 2.1 write `Applied GPU delegate, and the model graph will be completely
executed w/ the delegate`, later ones `Explicitly applied GPU delegate, ... executed by the
delegate`; the first builds write only `Applied GPU delegate`. LiteRT's program says nothing, and is
asked to fail instead (`benchmark_program`).
"""

from __future__ import annotations

import re

_APPLIED = re.compile(
    r"(?<!not )\bapplied (\w+) delegate(?:,? and the model graph will be (\w+) )?", re.IGNORECASE
)
# What the program's own log calls the delegates that a flag of ours asks for.
_NAMES = {"gpu": "GPU", "nnapi": "NNAPI"}
# Kernels of the CPU: no accelerator.
_OF_CPU = ("XNNPACK",)


def check_delegate(text: str, delegate: str) -> str | None:
    """Refuses runs that the CPU executed, or a part of them, instead of a delegate.

    Args:
        text: output of the program.
        delegate: `gpu`, `nnapi`, or `none`.

    Returns:
        A caution if the program does not say whether the delegate ran everything; otherwise None.

    Raises:
        ValueError: the output does not say that the delegate was applied, or only partially.
    """
    if delegate == "none":
        return None
    parts = [part for name, part in _applied(text) if name == _NAMES[delegate]]
    return _check(parts, f"the {delegate} delegate", "use another --delegate", "in part")


def check_accelerator(text: str, is_partial_allowed: bool) -> str | None:
    """The same for accelerators that options of the program ask for, whatever their names.

    Args:
        text: output of the program.
        is_partial_allowed: whether the CPU may run a part of the model.

    Returns:
        A caution if the CPU ran a part, or may have; otherwise None.

    Raises:
        ValueError: no accelerator was applied, or only partially and that is not allowed.
    """
    parts = [part for name, part in _applied(text) if name not in _OF_CPU]
    if parts and is_partial_allowed and "partially" in parts:
        return "the CPU ran a part of some models"
    return _check(
        parts,
        "the accelerator of --benchmark_args",
        "check its options and libraries",
        "in part; to time that, add --require_full_delegation=false to --benchmark_args",
    )


def _applied(text: str) -> list[tuple[str, str]]:
    """Name and extent (completely, partially, or nothing) of each delegate that was applied."""
    return [(name.upper(), part.lower()) for name, part in _APPLIED.findall(text)]


def _check(parts: list[str], wanted: str, remedy: str, for_partial: str) -> str | None:
    if not parts:
        raise ValueError(
            f"benchmark_model: expected {wanted} to run the model, but the CPU did; the phone or "
            f"the model does not support it; {remedy}"
        )
    if "partially" in parts:
        raise ValueError(
            f"benchmark_model: expected {wanted} to run the model, but the CPU ran it {for_partial}"
        )
    if "completely" not in parts:
        return f"this build of benchmark_model does not say whether {wanted} ran everything"
    return None
