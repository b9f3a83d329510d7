"""What all command lines share: error messages, titles, tables, progress and a clean stop."""

import math
import os
import pathlib
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from types import FrameType
from typing import Any, TypeVar

import tqdm
from absl import app, flags, logging

from tools.terminal import flag_checks, notices, streams

_DEBUG = flags.DEFINE_bool("debug", False, "Show the traceback of an error.")

# Errors a user can fix: bad input, a work dir in use, a missing or unwritable file, a full disk.
USER_ERRORS: tuple[type[Exception], ...] = (ValueError, OSError)

STOPPED = 130
_SECONDS_BETWEEN_LINES = 20.0
_SECONDS_BETWEEN_DRAWINGS = 0.5
T = TypeVar("T")


def run(main: Callable[[], None]) -> None:
    """Parses the flags, runs `main`, and ends the process with an exit code.

    One of `USER_ERRORS` becomes one line on stderr and exit code 1; `--debug` adds the traceback.
    Any other exception always shows its traceback. Ctrl-C, SIGTERM and SIGHUP end with exit code
    130.

    Args:
        main: takes no arguments; its return value is ignored.
    """
    # Third-party warnings are for developers; `python -W default` shows them again.
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    app.run(
        lambda argv: sys.exit(_exit_code(main, argv[1:])), flags_parser=flag_checks.parse_or_exit
    )


def _exit_code(main: Callable[[], None], leftover: Sequence[str]) -> int:
    logging.set_verbosity(logging.ERROR)
    notices.show()
    if leftover:
        return flag_checks.fail(
            f"unexpected argument {leftover[0]!r}: flags are written --name=value"
        )
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # `nohup` ignores it.
        signal.signal(signal.SIGHUP, _stop)
    streams.take_anything()
    try:
        flag_checks.check(flags.FLAGS, pathlib.Path(sys.argv[0]).stem)
        main()
        print(end="", flush=True)
        return 0
    except KeyboardInterrupt:
        print("\nstopped; run the same command again to resume", file=sys.stderr, flush=True)
        return STOPPED
    except BrokenPipeError:
        # The reader of our output, such as `head`, has ended. Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except USER_ERRORS as error:
        if _DEBUG.value:
            raise
        return flag_checks.fail(str(error) or type(error).__name__)


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def title(text: str) -> None:
    """Prints the heading of a stage after an empty line, in bold on a terminal."""
    say("\n" + (f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text))


def say(text: str = "") -> None:
    """Prints one line and flushes it, so that it appears at once even in a pipe."""
    print(text, flush=True)


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Formats a table with aligned columns; columns of numbers are aligned to the right.

    Args:
        headers: one text per column.
        rows: the cells of each row; None shows as `-`, floats with four significant digits.

    Returns:
        The table as text, without a newline at its end.

    Raises:
        ValueError: the number of cells in a row differs from the number of headers.
    """
    rows = [list(row) for row in rows]
    for row in rows:
        if len(row) != len(headers):
            raise ValueError(f"table: expected {len(headers)} cells per row, received {row}")
    columns = []
    for i, header in enumerate(headers):
        values = [row[i] for row in rows]
        cells = [_cell(value) for value in values]
        width = max(len(text) for text in [header, *cells])
        numeric = values and all(value is None or _is_number(value) for value in values)
        align = str.rjust if numeric else str.ljust
        columns.append([align(text, width) for text in [header, "-" * width, *cells]])
    return "\n".join("  ".join(line).rstrip() for line in zip(*columns, strict=True))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:,}" if _is_number(value) else str(value)


def compact(value: float) -> str:
    """Formats a number in a few characters: `0.0378`, `78.2`, `4750`, `2.31M`, `2.2e+17`."""
    magnitude = abs(value)
    if magnitude >= 1e15:
        return f"{value:.2g}"
    thousands = int(math.log10(magnitude) / 3) if magnitude >= 1e4 else 0
    scaled = value / 1000**thousands
    # The format `g` would write an exponent from 1000 on.
    digits = f"{scaled:.3g}" if abs(scaled) < 999.5 else f"{scaled:.0f}"
    return digits + ["", "k", "M", "G", "T"][thousands]


def duration(seconds: float) -> str:
    """Formats a time as people say it: `0.4 s`, `42 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class Progress:
    """A progress bar on a terminal; without one, a line every 20 s and one at the end.

    Everything goes to stderr, so that stdout holds only results. Several threads may call it.

    Example:
        with console.Progress(total=500, label="blocks", unit="runs") as bar:
            bar.update(10, latency_ms=1.25)
    """

    def __init__(
        self,
        total: int | None = None,
        label: str = "",
        unit: str = "",
        initial: int = 0,
        bar_counts: bool = True,
    ) -> None:
        """Shows the bar at once.

        Args:
            total: number of steps; None if unknown.
            label: name of the work.
            unit: what is counted, in the plural.
            initial: steps already done, if earlier work is resumed.
            bar_counts: whether a terminal's bar shows the count beside the percentage. Without
                it, a narrow line has more room for the values.
        """
        self.total, self.label, self.unit = total, label, unit
        self.count = self._initial = initial
        self.values: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._started = self._last_line = time.monotonic()
        self._bar: _Bar | None = None
        if sys.stderr.isatty():
            self._bar = _Bar(
                total=total,
                desc=label,
                unit=f" {unit}",
                initial=initial,
                dynamic_ncols=True,
                mininterval=_SECONDS_BETWEEN_DRAWINGS,
                file=sys.stderr,
                bar_format=(_BAR if bar_counts else _BAR_ALONE) if total else _COUNT,
            )

    def __enter__(self) -> "Progress":
        """The bar itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Closes the bar."""
        self.close(failed=error[0] is not None)

    def update(self, steps: int = 1, **values: Any) -> None:
        """Adds `steps` to the count and shows `values` beside it."""
        with self._lock:
            self.count += steps
            self.values.update(values)
            if self._bar is not None:
                self._bar.set_postfix_str(self._values_text(), refresh=False)
                self._bar.update(steps)
                return
            now = time.monotonic()
            if now - self._last_line >= _SECONDS_BETWEEN_LINES:
                self._last_line = now
                self._print(self._line(now - self._started))

    def note(self, line: str) -> None:
        """Prints a line that stays on the screen, above the bar if there is one."""
        with self._lock:
            if self._bar is not None:
                self._bar.write(f"  {line}", file=sys.stderr)
            else:
                self._print(line)

    def close(self, failed: bool = False) -> None:
        """Shows the last state; without a terminal, prints the duration unless it failed."""
        with self._lock:
            if self._bar is not None:
                self._bar.set_postfix_str(self._values_text(), refresh=False)
                self._bar.close()
            elif not failed:
                took = duration(time.monotonic() - self._started)
                self._print(self._joined(f"{self.label}: {self._count_text()} in {took}"))

    def _count_text(self) -> str:
        total = f"/{self.total}" if self.total else ""
        return f"{self.count}{total} {self.unit}".rstrip()

    def _line(self, elapsed: float) -> str:
        done = self.count - self._initial
        left = ""
        if self.total and done:
            left = f", {duration(elapsed / done * (self.total - self.count))} left"
        return self._joined(f"{self.label}: {self._count_text()}{left}")

    def _joined(self, text: str) -> str:
        return ", ".join(filter(None, [text, self._values_text()]))

    def _values_text(self) -> str:
        return ", ".join(f"{name} {_cell(value)}" for name, value in self.values.items())

    def _print(self, line: str) -> None:
        print(f"  {line}", file=sys.stderr, flush=True)


# `{bar}` has no width here, so it fills the rest of the line.
_BAR = "  {desc} {percentage:3.0f}% {bar} {n_fmt}/{total_fmt}{unit}, {time_left} left{postfix}"
_BAR_ALONE = "  {desc} {percentage:3.0f}% {bar} {time_left} left{postfix}"
_COUNT = "  {desc} {n_fmt}{unit} in {time_spent}{postfix}"


class _Bar(tqdm.tqdm):
    """A tqdm bar that formats times with `duration`."""

    @property
    def format_dict(self) -> dict[str, Any]:
        values = super().format_dict
        spent, done = values["elapsed"], values["n"] - values["initial"]
        rate = values["rate"] or (done / spent if spent else 0)
        left = (values["total"] - values["n"]) / rate if values["total"] and rate else None
        values["time_left"] = "?" if left is None else duration(max(left, 0.0))
        values["time_spent"] = duration(spent)
        return values


def progress(
    iterable: Iterable[T], total: int | None = None, label: str = "", unit: str = ""
) -> Iterator[T]:
    """Yields the items of `iterable` and shows the progress; see `Progress`.

    Args:
        iterable: the items.
        total: number of items; by default the length of `iterable`, if it has one.
        label: name of the work.
        unit: what the items are, in the plural.
    """
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    with Progress(total, label, unit) as bar:
        for item in iterable:
            yield item
            bar.update()
