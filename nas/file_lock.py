"""Locks that name their owner. The operating system releases a lock when its owner ends."""

import fcntl
import os

from nas.files import Path


class Taken(BlockingIOError):
    """Another process holds the lock.

    Attributes:
        owner: id of that process, or `unknown`.
    """

    def __init__(self, owner: str) -> None:
        super().__init__(f"locked by process {owner}")
        self.owner = owner


def acquire(path: Path) -> int:
    """Locks the file `path`, created if it is missing, and writes the id of this process into it.

    Returns:
        The descriptor that holds the lock; `release` gives it back.

    Raises:
        Taken: another process holds the lock.
        OSError: the file cannot be created or written.
    """
    # A link could name a file of the user, whose content would be replaced.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = _owner(descriptor)
        os.close(descriptor)
        raise Taken(owner) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def release(descriptor: int) -> None:
    """Releases a lock."""
    os.close(descriptor)


def owner_of(path: Path) -> str | None:
    """Id of the process that holds the lock `path`; None if nobody does. Changes nothing."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _owner(descriptor)
    finally:
        os.close(descriptor)
    return None


def _owner(descriptor: int) -> str:
    """Id of the process that wrote it into the lock file."""
    return os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
