"""The `benchmark_model` on a phone: which of the two it is, its command line, what it answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from latency_models.devices.android import (
    benchmark_args,
    benchmark_output,
    delegate_output,
    phone_state,
)
from latency_models.devices.android.adb_client import Output
from latency_models.devices.android.phone_settings import PhoneSettings
from latency_models.devices.android.remedies import crash, reason

_FULL = "require_full_delegation"


class OptionError(ValueError):
    """The program does not know an option, so it can run no model."""


@dataclasses.dataclass(frozen=True)
class BenchmarkProgram:
    """A program on a phone and how it runs models.

    Attributes:
        path: its path on the phone.
        usage: its output for `--help`.
        settings: how models run.
        num_threads: threads of the runtime.
        affinity: the cores to run on; None for any.
        min_seconds: least duration of a sample.
    """

    path: str
    usage: str
    settings: PhoneSettings
    num_threads: int
    affinity: Sequence[int] | None
    min_seconds: float

    @property
    def kind(self) -> benchmark_output.Program:
        """Whether it is TensorFlow Lite's program or LiteRT's.

        Raises:
            ValueError: it is neither.
        """
        return benchmark_output.program(self.usage)

    @property
    def options(self) -> dict[str, str]:
        """The options that the user passes on."""
        return benchmark_args.parse(self.settings.benchmark_args, self.settings.delegate)

    @property
    def is_accelerated(self) -> bool:
        """Whether the user's options ask for an accelerator."""
        return benchmark_args.asks_for_accelerator(self.options)

    def check(self) -> str | None:
        """Refuses settings that the program cannot follow; returns a caution, or None.

        Raises:
            ValueError: the settings ask for what the program does not have.
        """
        delegate = self.settings.delegate
        if self.kind == "litert" and delegate == "nnapi":
            raise ValueError(
                "delegate: expected gpu or none, since LiteRT's benchmark_model has no nnapi, "
                "received nnapi; use one of them, or TensorFlow Lite's benchmark_model"
            )
        on_cpu = delegate == "none" and not self.is_accelerated
        if self.kind == "litert" and on_cpu and self.num_threads > 1:
            return (
                f"LiteRT's benchmark_model ignores num_threads={self.num_threads} in older builds "
                "and does not say so: compare with one thread, or use TensorFlow Lite's"
            )
        return None

    def command(self, model: str, is_reference: bool = False, is_plain: bool = False) -> list[str]:
        """The words that run a model once.

        Args:
            model: its path on the phone.
            is_reference: whether it is the reference network, which need not run completely on the
                accelerator of the user's options: many take no float32.
            is_plain: whether to leave the user's options out.
        """
        settings, options = self.settings, {} if is_plain else self.options
        flags: dict[str, Any] = {
            "graph": model,
            "num_threads": self.num_threads,
            "warmup_runs": settings.warmup_runs,
            "warmup_min_secs": self.min_seconds,
            "num_runs": settings.num_runs,
            "min_secs": self.min_seconds,
            "max_secs": settings.max_run_seconds,
        }
        if settings.delegate != "none":
            flags[f"use_{settings.delegate}"] = "true"
        if settings.delegate != "none" or (self.is_accelerated and not is_plain):
            flags |= self._all_or_nothing()
        flags |= options
        if is_reference and options and self.is_accelerated and _FULL in flags:
            flags[_FULL] = "false"
            flags.pop("use_cpu", None)
        words = [f"--{name}={value}" for name, value in flags.items()]
        return [*self.pinned, self.path, *words]

    @property
    def pinned(self) -> list[str]:
        """The words that pin what follows to the cores; empty for any core."""
        return [] if self.affinity is None else ["taskset", phone_state.mask(self.affinity)]

    def _all_or_nothing(self) -> dict[str, str]:
        """Flags with which the program fails if the CPU would run a part of the model."""
        if self.kind == "litert":
            return {"use_cpu": "false", _FULL: "true"}
        # Builds before 2.1 do not have it.
        return {_FULL: "true"} if _FULL in benchmark_output.options(self.usage) else {}

    def read(
        self, output: Output, is_reference: bool = False, is_plain: bool = False
    ) -> tuple[benchmark_output.Runs, list[str]]:
        """The measured runs in the program's output, and cautions about them.

        Args:
            output: of the command.
            is_reference: as for `command`.
            is_plain: as for `command`.

        Raises:
            OptionError: the program does not know an option.
            ValueError: it could not run the model, or the CPU ran it instead of the delegate; the
                message has the program's own reason.
        """
        text = output.text
        failure = benchmark_output.fault(text)
        if failure and benchmark_output.UNKNOWN_OPTION.search(failure):
            raise OptionError(
                f"benchmark_model: {failure}; this build does not know the option: see "
                "benchmark_model --help, or use a newer build"
            )
        if output.status or failure:
            said = benchmark_output.causes(text) or reason(text) or crash(output.status)
            said = said or "no word about the cause"
            raise ValueError(f"benchmark_model: exit {output.status}: {said}")
        runs = benchmark_output.parse(text)
        return runs, [] if is_plain else self._cautions(text, is_reference)

    def _cautions(self, text: str, is_reference: bool) -> list[str]:
        found: list[str | None] = []
        if self.kind == "tflite":
            found.append(delegate_output.check_delegate(text, self.settings.delegate))
            if self.is_accelerated and not is_reference:
                partial = self.options.get(_FULL, "true").lower() in ("false", "0")
                found.append(delegate_output.check_accelerator(text, partial))
        if self.settings.delegate == "none" and not self.is_accelerated:
            line = benchmark_output.went_on(text)
            found.append(line and f"benchmark_model ran without its default kernels: {line}")
        return [caution for caution in found if caution]
