"""Says which flags of a command differ from those that a work dir was started with."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

_MISSING = object()
# Words for people, which no result depends on.
_NOT_COMPARED = {"preset.description"}
# Settings that are files or networks; that they differ says more than every number in them.
_CONTENTS = ("model", "latency_model", "searched")
# Flags that are called otherwise than the setting that they change.
_FLAGS = {
    "preset_name": "preset",
    "preset.search.epochs": "search_epochs",
    "preset.train.epochs": "train_epochs",
    "is_limit": "hard_limit",
}
# Settings whose flags are called as their last word.
_GROUPS = ("preset", "preset.search", "preset.train", "images", "phone")
_SHOWN = 60


class Change(NamedTuple):
    """One setting that differs.

    Attributes:
        place: where it is in the settings, such as `preset.search.epochs`.
        text: the flag with both values.
    """

    place: str
    text: str


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Finds the settings that differ, each by the flag that sets it.

    Another preset is one difference, whatever else follows from it.
    """
    found = _changes(old, new, "")
    if any(change.place == "preset_name" for change in found):
        found = [change for change in found if not change.place.startswith("preset.")]
    by_text = {change.text: change for change in reversed(found)}
    return list(by_text.values())[::-1]


def _changes(old: Mapping[str, Any], new: Mapping[str, Any], inside: str) -> list[Change]:
    found = []
    for key in sorted({*old, *new}):
        was, now = old.get(key, _MISSING), new.get(key, _MISSING)
        place = f"{inside}{key}"
        if was == now or place in _NOT_COMPARED:
            continue
        both = isinstance(was, Mapping) and isinstance(now, Mapping)
        if both and place in _CONTENTS:
            found.append(Change(place, f"{place}: its content is another"))
        elif both:
            found += _changes(was, now, f"{place}.")
        else:
            found.append(Change(place, f"{_flag(place)}: was {_shown(was)}, now {_shown(now)}"))
    return found


def _flag(place: str) -> str:
    group, _, name = place.rpartition(".")
    return _FLAGS.get(place, name if group in _GROUPS else place)


def _shown(value: Any) -> str:
    text = "not given" if value is _MISSING else json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
