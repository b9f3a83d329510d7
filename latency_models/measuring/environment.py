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
_WORDS = {str: "text", int: "a whole number above 0", type(None): "null"}


def check(environment: dict[str, Any]) -> dict[str, Any]:
    """Returns `environment` if the keys that it has hold what they should.

    Raises:
        ValueError: one does not; the message names it.
    """
    for name, types in KEYS.items():
        value = environment.get(name, "" if str in types else 1)
        fits = isinstance(value, types) and not isinstance(value, bool)
        if not fits or (isinstance(value, int) and value < 1):
            words = " or ".join(_WORDS[one] for one in types)
            raise ValueError(f"expected {words} at {name}, received {value!r}")
    return environment


Environment = Annotated[dict[str, Any], AfterValidator(check)]
