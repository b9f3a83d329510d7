"""Command-line tools, run as `python -m tools.<name>`; the only package that defines flags."""

import contextlib
import importlib.machinery
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from types import ModuleType, TracebackType

from nas import chatter

_excepthook = sys.excepthook


def _quiet_stop(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Says in one line that Ctrl-C stopped a command which was still importing modules."""
    if issubclass(kind, KeyboardInterrupt):
        print("\nstopped before any work", file=sys.stderr)
    else:
        _excepthook(kind, error, trace)


sys.excepthook = _quiet_stop


class _ImportedIn:
    """Imports one package inside of a context; the tools import it wherever they need it."""

    def __init__(self, name: str, context: Callable[[], AbstractContextManager]) -> None:
        self._name = name
        self._context = context

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self._name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_in_context(module: ModuleType) -> None:
            with self._context():
                execute(module)

        setattr(spec.loader, "exec_module", execute_in_context)  # noqa: B010
        return spec


class _NotFound:
    """Finds no module of some packages."""

    def __init__(self, packages: Sequence[str]) -> None:
        self._packages = packages

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> None:
        if name in self._packages:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@contextlib.contextmanager
def _silent_tensorflow() -> Iterator[None]:
    """Hides what TensorFlow's C++ code prints while it loads and looks for GPUs.

    TensorFlow prints those lines before it reads any log level. A tool may import TensorFlow at
    the top of its file, before `console.run` starts, so the first import itself must hide them.
    """
    with chatter.silenced(), _keras_alone():
        yield
        sys.modules["tensorflow"].config.list_physical_devices()


@contextlib.contextmanager
def _keras_alone() -> Iterator[None]:
    """Keeps Keras from importing the packages for which it has wrappers and plots.

    We use neither, and they take a third of the time of the import.
    """
    finder = _NotFound(("sklearn", "matplotlib"))
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


for _name, _context in (("tensorflow", _silent_tensorflow), ("keras", _keras_alone)):
    if _name not in sys.modules:
        sys.meta_path.insert(0, _ImportedIn(_name, _context))
