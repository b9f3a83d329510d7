"""The checkpoint files of one run: which are whole, which are damaged, and which are left over.

Nothing that cannot be read is deleted. A checkpoint that the system does not let us open stops the
run; one whose content is damaged is renamed to `damaged-ckpt-N.*`.
"""

import os
import pathlib
import re
import shutil
from collections.abc import Callable

import tensorflow as tf

from nas import reading
from nas.file_kinds import CHECKPOINT

_PREFIX = "ckpt-"
# What TensorFlow leaves in the folder if it is killed while it writes.
_UNFINISHED = re.compile(
    r"checkpoint\.tmp\w*|ckpt-\d+_temp|ckpt-\d+\.(index|data[-\w]*)\.tempstate\w*"
)
_DATA = re.compile(r"(ckpt-\d+)\.data-\d+-of-\d+")
_LIST = "checkpoint"
_NOT_READ = (tf.errors.ResourceExhaustedError, tf.errors.PermissionDeniedError)


class CheckpointFiles:
    """The checkpoints in one folder, by their steps.

    Args:
        folder: the folder; it need not exist.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        """Stores the argument; nothing is read yet."""
        self.folder = folder

    def path(self, step: int) -> pathlib.Path:
        """The path of a checkpoint as TensorFlow names it, without the endings of its files."""
        return self.folder / f"{_PREFIX}{step}"

    @property
    def steps(self) -> list[int]:
        """The steps of all checkpoints, damaged ones included, the newest first."""
        found = [re.fullmatch(rf"{_PREFIX}(\d+)\.index", name) for name in self._names()]
        return sorted((int(match[1]) for match in found if match), reverse=True)

    def newest_whole(self) -> tuple[int | None, dict[int, str]]:
        """Finds the newest undamaged checkpoint.

        Returns:
            Its step, None if there is none; and what is wrong with each newer one.

        Raises:
            Unreadable: a file of a checkpoint cannot be read.
        """
        damaged: dict[int, str] = {}
        for step in self.steps:
            fault = self._fault(step)
            if fault is None:
                return step, damaged
            damaged[step] = fault
        return None, damaged

    def set_aside(self, step: int) -> str:
        """Renames a damaged checkpoint; returns its new name, without the endings of its files."""
        number, name = 1, f"damaged-{_PREFIX}{step}"
        while any(other.startswith(f"{name}.") for other in self._names()):
            number, name = number + 1, f"damaged-{_PREFIX}{step}-{number + 1}"
        for part in self._parts(step):
            os.replace(part, self.folder / part.name.replace(f"{_PREFIX}{step}", name, 1))
        return name

    def remove(self, is_unwanted: Callable[[int], bool]) -> None:
        """Deletes the checkpoints whose step is unwanted."""
        for step in self.steps:
            if is_unwanted(step):
                for part in self._parts(step):
                    part.unlink()

    def remove_leftovers(self) -> None:
        """Deletes what a killed process left: unfinished files, and data that no index names.

        TensorFlow's list of checkpoints is removed too, since it may be older than they are; the
        next checkpoint writes it again.
        """
        names = self._names()
        for name in names:
            path = self.folder / name
            data = _DATA.fullmatch(name)
            orphan = data is not None and f"{data[1]}.index" not in names
            if (_UNFINISHED.fullmatch(name) and path.is_dir()) and not path.is_symlink():
                shutil.rmtree(path)
            elif path.is_file() and (orphan or name == _LIST or _UNFINISHED.fullmatch(name)):
                path.unlink()

    def _names(self) -> list[str]:
        try:
            return sorted(os.listdir(self.folder))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise reading.Unreadable(
                f"{self.folder}: expected a folder of checkpoints, received the error "
                f"{error.strerror!r}; nothing was changed: {CHECKPOINT.advice}"
            ) from error

    def _parts(self, step: int) -> list[pathlib.Path]:
        return [self.folder / n for n in self._names() if n.startswith(f"{_PREFIX}{step}.")]

    def _fault(self, step: int) -> str | None:
        """Says why a checkpoint is damaged, or None.

        Reads every tensor, since each has a checksum. The files are opened by Python first, because
        TensorFlow calls a file damaged that it may not open.
        """
        for part in self._parts(step):
            reading.check_readable(part, CHECKPOINT)
        try:
            reader = tf.train.load_checkpoint(str(self.path(step)))
            for name in reader.get_variable_to_shape_map():
                reader.get_tensor(name)
        except (*_NOT_READ, MemoryError) as error:
            raise reading.Unreadable(
                f"{self.path(step)}: expected a checkpoint that can be read, received the error "
                f"{_first_line(error)!r}; nothing was changed: {CHECKPOINT.advice}"
            ) from error
        except (tf.errors.OpError, RuntimeError, ValueError, IndexError) as error:
            return _first_line(error)
        return None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:100]
