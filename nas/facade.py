"""Public names of a package, each imported from its module when it is first used."""

import difflib
import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazy(
    package: str, places: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Returns the functions that let a package import its public names when they are first used.

    They are its `__getattr__` and its `__dir__` (PEP 562). Importing the package then imports none
    of these modules, and none of the frameworks behind them.

    Args:
        package: name of the package.
        places: the public names, each with its place, as `split` takes it.
    """

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(_refusal(package, name, places))
        module, attribute = split(name, places[name])
        value = getattr(importlib.import_module(module), attribute)
        # Found without this function from now on.
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *places})

    return get, names


def split(name: str, place: str) -> tuple[str, str]:
    """Returns the module of a public name, and what the name is called there.

    Args:
        name: the public name.
        place: the module; or `module:name` where the name differs there.
    """
    module, _, own_name = place.partition(":")
    return module, own_name or name


def _refusal(package: str, name: str, places: Mapping[str, str]) -> str:
    close = difflib.get_close_matches(name, places, n=1)
    guess = f"; did you mean {close[0]}?" if close else ";"
    return (
        f"module {package!r} has no public name {name!r}{guess} expected one of "
        f"{', '.join(places)}, or a module, which must be imported first"
    )
