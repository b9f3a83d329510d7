"""Command-line tools, run as `python -m tools.<name>`; the only package that defines flags."""

import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType

from nas import chatter


class _SilentTensorFlow:
    """Imports TensorFlow and hides what its C++ code prints while it loads and looks for GPUs.

    TensorFlow prints those lines before it reads any log level. A tool may import TensorFlow at
    the top of its file, before `console.run` starts, so the first import itself must hide them.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_silently(module: ModuleType) -> None:
            with chatter.silenced():
                execute(module)
                module.config.list_physical_devices()

        setattr(spec.loader, "exec_module", execute_silently)  # noqa: B010
        return spec


if "tensorflow" not in sys.modules:
    sys.meta_path.insert(0, _SilentTensorFlow())
