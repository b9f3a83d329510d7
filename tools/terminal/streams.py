"""Standard output and standard error that take whatever is printed."""

import os
import sys


def take_anything() -> None:
    """Lets names of files that are not UTF-8 be printed, and closed streams be written to."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
