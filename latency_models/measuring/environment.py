"""Where something was measured, as rows and latency models hold it: device, runtime, threads."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator

# Keys that every device gives, with what they hold; it may give more.
KEYS: dict[str, tuple[type, ...]] = {
    "device": (str,),
    "runtime": (str,),
    "num_threads": (int,),
    "delegate": (str, type(None)),
}
# Keys that are there only if there is something to say, such as options of a phone's program. Rows
# from before such a key existed are rows without it.
OPTIONAL: dict[str, tuple[type, ...]] = {"benchmark_args": (str,)}
_WORDS = {str: "text", int: "a whole number above 0", type(None): "null"}


def check(environment: dict[str, Any]) -> dict[str, Any]:
    """Returns `environment` if the keys that it has hold what they should.

    Keys of `OPTIONAL` that say nothing are left out, so that they do not make rows different.

    Raises:
        ValueError: one does not; the message names it.
    """
    silent = [name for name in OPTIONAL if environment.get(name, "") in ("", None)]
    environment = {name: value for name, value in environment.items() if name not in silent}
    for name, types in (KEYS | OPTIONAL).items():
        value = environment.get(name, "" if str in types else 1)
        fits = isinstance(value, types) and not isinstance(value, bool)
        if not fits or (isinstance(value, int) and value < 1):
            words = " or ".join(_WORDS[one] for one in types)
            raise ValueError(f"expected {words} at {name}, received {value!r}")
    return environment


Environment = Annotated[dict[str, Any], AfterValidator(check)]
