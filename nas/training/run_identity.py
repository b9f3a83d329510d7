"""Which run the checkpoints of a folder belong to: `checkpoints/run.json`.

It has everything that the result of a run depends on. A run may extend the one it finds: its
settings are the same but for `epochs`, and its `earlier_epochs` list those of the run it finds.
"""

import pathlib
from collections.abc import Mapping
from typing import Any

from nas import file_kinds, files, reading, schemas


def settings_of(directory: files.Path) -> dict[str, Any]:
    """Returns the settings of the run in a folder; empty if it has no checkpoints.

    Raises:
        ValueError: its `run.json` cannot be read.
    """
    path = pathlib.Path(directory) / "checkpoints/run.json"
    if not reading.exists(path):
        return {}
    found = schemas.read(dict[str, Any], path, file_kinds.RUN)
    settings = found.get("settings")
    return settings if isinstance(settings, dict) else {}


def reason_of_another(checkpoints: pathlib.Path, identity: dict[str, Any]) -> str | None:
    """Returns why the run in a folder is another one; None if it is this run, or extended by it.

    Args:
        checkpoints: the folder of the checkpoints, with `run.json`.
        identity: of this run, as JSON values.

    Raises:
        ValueError: its `run.json` cannot be read.
    """
    found = schemas.read(dict[str, Any], checkpoints / "run.json", file_kinds.RUN)
    names = sorted({*found, *identity})
    changed = [name for name in names if found.get(name) != identity.get(name)]
    settings = [one.get("settings") for one in (found, identity)]
    if changed == ["settings"] and _is_extended(*settings):
        return None
    if changed:
        return f"its checkpoints are of a run with another {', '.join(changed)}"
    return None


def _is_extended(found: Any, settings: Any) -> bool:
    """Whether a run with `settings` goes on where one with the settings `found` ended."""
    if not (isinstance(found, Mapping) and isinstance(settings, Mapping)):
        return False

    def apart(one: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        others = {k: v for k, v in one.items() if k not in ("epochs", "earlier_epochs")}
        earlier = one.get("earlier_epochs", [])
        return [*(earlier if isinstance(earlier, list) else [None]), one.get("epochs")], others

    (before, others), (now, own) = apart(found), apart(settings)
    return others == own and len(before) < len(now) and now[: len(before)] == before
