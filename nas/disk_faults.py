"""Names the file where one of TensorFlow's own writers fails, for example on a full disk."""

import contextlib
import errno
import os
import re
from collections.abc import Iterator

import tensorflow as tf

from nas import reading

# What TensorFlow makes of the system's errors in writing: no space, too large, not permitted,
# read-only, damaged.
_OF_WRITING = (
    tf.errors.ResourceExhaustedError,
    tf.errors.OutOfRangeError,
    tf.errors.PermissionDeniedError,
    tf.errors.FailedPreconditionError,
    tf.errors.UnknownError,
)
_NUMBERS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS, errno.EIO)
_MOST_CAUSES = 20
_SHOWN = 160


@contextlib.contextmanager
def named(path: reading.Path, what: str, advice: str) -> Iterator[None]:
    """Turns an error of a writer into one that names the file and says what to do.

    Args:
        path: what is written, a file or a folder.
        what: its content, for the message.
        advice: what to do beside making room.

    Raises:
        OSError: a writer failed, or whatever it was called by failed because of that. Other errors
            are not changed.
    """
    try:
        yield
    except Exception as error:
        reason = _reason(error)
        if reason is None:
            raise
        raise OSError(
            f"{os.fspath(path)}: expected to write {what}, received the error {reason!r}; make "
            f"room, or mend what it names, and {advice}"
        ) from error


def _reason(error: BaseException | None) -> str | None:
    """What a writer said, if the error or one that caused it is a writer's."""
    for _ in range(_MOST_CAUSES):
        if error is None:
            return None
        if isinstance(error, _OF_WRITING):
            text = re.sub(r"^\{\{.*?\}\} *", "", error.message.strip())
            return text.splitlines()[0].strip()[:_SHOWN] if text else type(error).__name__
        if isinstance(error, OSError) and error.errno in _NUMBERS:
            return error.strerror
        error = error.__cause__ or error.__context__
    return None
