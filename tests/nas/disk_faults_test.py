import errno
import os

import pytest
import tensorflow as tf

from nas import disk_faults


def fails(error, cause=None):
    with disk_faults.named("runs/curves", "curves", "run the same command again"):
        raise error from cause


def full(text="{{function_node x}} /a/b; No space left on device\n\tFailed to flush"):
    return tf.errors.ResourceExhaustedError(None, None, text)


@pytest.mark.parametrize(
    ("error", "cause", "reason"),
    [
        (full(), None, "/a/b; No space left on device"),
        (RuntimeError("as TFDS says it"), full(), "/a/b; No space left on device"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), None, "No space left on device"),
        (ValueError("x"), OSError(errno.EROFS, os.strerror(errno.EROFS)), "Read-only file system"),
    ],
)
def test_an_error_of_a_writer_names_the_file_and_what_to_do(error, cause, reason):
    with pytest.raises(OSError) as caught:
        fails(error, cause)
    assert str(caught.value) == (
        f"runs/curves: expected to write curves, received the error {reason!r}; make room, or mend "
        "what it names, and run the same command again"
    )


@pytest.mark.parametrize(
    "error", [ValueError("of something else"), ConnectionResetError(104, "by peer"), KeyError("x")]
)
def test_other_errors_stay_as_they_are(error):
    with pytest.raises(type(error)) as caught:
        fails(error)
    assert caught.value is error
