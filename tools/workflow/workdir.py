"""A work dir: locked by one process at a time, bound to its flags, with a record of its stages."""

import contextlib
import json
import os
import pathlib
import time
import types
from collections.abc import Callable, Collection, Iterable, Mapping
from hashlib import sha256
from typing import Any

from nas import file_kinds, file_lock, files, reading, schemas
from tools.reporting.data import records
from tools.terminal import changed_flags

SCHEMA_VERSION = 1


class WorkDir:
    """The folder in which a command keeps all its files.

    Use it as a context manager. Entering creates the folder, takes its lock, and writes
    `config.json` or compares the flags with it. The operating system releases the lock when its
    owner ends, even if it is killed.

    Example:
        with WorkDir("runs/quick", {"seed": 0}, command="pipeline") as workdir:
            workdir.stage("search", search, outputs=["child.json"])

    Attributes:
        path: the folder.
        command: the command whose flags and stages these are; several may share a folder.
        config: the flags as JSON values.
    """

    def __init__(
        self,
        path: files.Path,
        config: Mapping[str, Any],
        free: Collection[str] = (),
        command: str = "pipeline",
        apart_from: Collection[str] = (),
        independent: bool = False,
        replaceable: Mapping[str, str | None] = types.MappingProxyType({}),
        hints: Mapping[str, str] = types.MappingProxyType({}),
    ) -> None:
        """Stores the arguments; writes nothing before the folder is entered.

        Args:
            path: the folder; it need not exist.
            config: flags and their values, of types that JSON has. Tuples become lists.
            free: keys that may change from run to run, such as verbosity. They are not stored.
            command: the name under which flags and stages are stored.
            apart_from: commands that write the same files; a folder of one of them is refused.
            independent: whether stages depend only on their inputs, not on the stages before them.
            replaceable: places of settings that a later run may change, such as `preset.recipes`,
                each with the stage that then runs again, or None.
            hints: what else may be done if the setting at a place differs, by place.

        Raises:
            ValueError: a value has a type that JSON does not have.
        """
        self.path = pathlib.Path(path)
        self.command = command
        self.config = {
            key: _as_json(key, value) for key, value in config.items() if key not in free
        }
        self._apart_from = apart_from
        self._independent = independent
        self._replaceable = replaceable
        self._hints = hints
        self._outdated: set[str] = set()
        self._lock: int | None = None

    def __enter__(self) -> "WorkDir":
        """Creates and locks the folder.

        Raises:
            BlockingIOError: another process owns it; the message names the process.
            ValueError: `config.json` has other values; the message names each difference. Or the
                folder belongs to a command in `apart_from`.
            OSError: the folder cannot be made or written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = self._acquire()
        except BlockingIOError:
            raise
        except OSError as error:
            raise OSError(
                f"{self.path}: expected a writable folder ({error.strerror}); "
                "choose another --workdir"
            ) from error
        try:
            self._bind_config()
            files.remove_leftovers(self.path)
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """Unlocks the folder."""
        self._release()

    def _acquire(self) -> int:
        try:
            return file_lock.acquire(self.path / ".lock")
        except file_lock.Taken as error:
            raise BlockingIOError(
                f"{self.path} is in use by process {error.owner}: wait until it ends, stop it with "
                f"`kill {error.owner}`, or choose another --workdir"
            ) from None
        except OSError as error:
            if not os.path.lexists(self.path / ".lock"):
                raise
            raise ValueError(
                f"{self.path / '.lock'}: expected a file to lock, received the error "
                f"{error.strerror!r}; remove it (no result is in it)"
            ) from error

    def _release(self) -> None:
        if self._lock is not None:
            file_lock.release(self._lock)
            self._lock = None

    def inspect(self) -> str | None:
        """Checks the folder as entering it would, but changes nothing.

        Returns:
            Id of the process that owns the folder now; None if there is none.

        Raises:
            ValueError: as on entering.
        """
        self._check_config(self._read(self.path / "config.json"))
        return file_lock.owner_of(self.path / ".lock")

    def _bind_config(self) -> None:
        path = self.path / "config.json"
        record = self._read(path)
        self._check_config(record)
        # Settings that may be replaced differ now, if any does.
        if self.command not in record or changed_flags.changes(record[self.command], self.config):
            extends = {}
            # A process that is killed between these writes leaves a stage that finds nothing to do.
            for stage in sorted(self._outdated):
                if stage in self._stages():
                    self._record(stage, {**self._stages()[stage], "finished": False})
                before = record.get("provenance", {})
                extends = {"extends": [*before.get("extends", []), before.get("command", "")]}
            record |= {"provenance": files.provenance(**extends), self.command: self.config}
            files.write_json(path, record)
        self._outdated = set()

    def _check_config(self, record: Mapping[str, Any]) -> None:
        for other in self._apart_from:
            if other in record:
                raise ValueError(
                    f"{self.path} is the work dir of tools.{other}, and tools.{self.command} "
                    "would replace its files: choose another --workdir"
                )
        found = changed_flags.changes(record.get(self.command, self.config), self.config)
        refused = [change for change in found if change.place not in self._replaceable]
        if refused:
            hints = [self._hints[change.place] for change in refused if change.place in self._hints]
            told = "".join(f", {hint}" for hint in dict.fromkeys(hints))
            raise ValueError(
                f"{self.path} was started with other flags "
                f"({'; '.join(change.text for change in refused)}): use the "
                f"same flags to go on, or another --workdir to start anew{told}"
            )
        stages = {self._replaceable[change.place] for change in found}
        self._outdated = {stage for stage in stages if stage is not None}

    def _read(self, path: pathlib.Path) -> dict[str, Any]:
        if not reading.exists(path):
            return {"schema_version": SCHEMA_VERSION}
        is_config = path.name == "config.json"
        kind = file_kinds.CONFIG if is_config else file_kinds.STAGES
        # Both check what they read; the record also holds what they leave out.
        (records.read_config if is_config else records.read_stages)(path)
        record = files.read_json(path, kind)
        schemas.check_version(record.get("schema_version"), SCHEMA_VERSION, str(path), kind)
        return record

    def _stages(self) -> dict[str, dict[str, Any]]:
        return self._read(self.path / "stages.json").get(self.command, {})

    def _write_stages(self, stages: Mapping[str, Any]) -> None:
        path = self.path / "stages.json"
        files.write_json(path, self._read(path) | {self.command: stages})

    def finished(
        self,
        name: str,
        inputs: Iterable[files.Path] | None = None,
        outputs: Iterable[files.Path] = (),
    ) -> bool:
        """Whether stage `name` is recorded, its outputs exist and its inputs are unchanged.

        If `inputs` are given, the stage must also have read exactly these files; and `outputs` must
        exist too.
        """
        record = self._stages().get(name)
        if record is None or not record["finished"] or name in self._outdated:
            return False
        if not all(reading.exists(self.path / o) for o in [*record.get("outputs", []), *outputs]):
            return False
        read = record.get("inputs", {})
        if inputs is not None and {os.fspath(one) for one in inputs} != set(read):
            return False
        return read == self._digests(read)

    def _digests(self, names: Iterable[files.Path]) -> dict[str, str | None]:
        paths = {os.fspath(name): self.path / name for name in names}
        return {
            name: sha256(reading.content(path)).hexdigest() if reading.exists(path) else None
            for name, path in paths.items()
        }

    def mark(
        self,
        name: str,
        seconds: float,
        outputs: Iterable[files.Path] = (),
        inputs: Iterable[files.Path] = (),
    ) -> None:
        """Records stage `name` as finished; unless stages are independent, later ones run again.

        Args:
            name: the stage.
            seconds: how long it took.
            outputs: files it wrote, relative to the folder.
            inputs: files it read, relative to the folder; if their content changes, the stage is
                no longer finished.

        Raises:
            ValueError: an output does not exist.
        """
        names = [os.fspath(output) for output in outputs]
        for output in names:
            if not (self.path / output).exists():
                raise ValueError(
                    f"stage {name}: expected it to write {self.path / output}, found nothing"
                )
        record = {"finished": True, "seconds": round(seconds, 3), "outputs": names}
        self._record(name, {**record, "inputs": self._digests(inputs)})

    def _record(self, name: str, record: dict[str, Any]) -> None:
        stages = self._stages()
        if name in stages and not self._independent:
            earlier = list(stages)[: list(stages).index(name)]
            stages = {other: stages[other] for other in earlier}
        self._write_stages({**stages, name: record})

    def stage(
        self,
        name: str,
        action: Callable[[], object],
        outputs: Iterable[files.Path] | Callable[[], Iterable[files.Path]] = (),
        inputs: Iterable[files.Path] = (),
    ) -> bool:
        """Runs `action` unless stage `name` is finished.

        A stopped action runs again, and its earlier seconds are added; only a killed process loses
        them.

        Args:
            name: the stage.
            action: does the work; it resumes from its own checkpoints, if it has any.
            outputs: files it writes, relative to the folder; a function is asked before and after.
            inputs: files it reads, relative to the folder; if one changes, the stage runs again.

        Returns:
            Whether the action ran.

        Raises:
            ValueError: the action did not write one of the outputs.
        """
        inputs, fixed = list(inputs), [] if callable(outputs) else list(outputs)
        if self.finished(name, inputs, outputs() if callable(outputs) else fixed):
            return False
        record = self._stages().get(name, {"finished": True})
        before = 0.0 if record["finished"] else record.get("seconds", 0.0)
        start = time.monotonic()
        try:
            action()
        except BaseException:
            seconds = round(before + time.monotonic() - start, 3)
            self._record(name, {"finished": False, "seconds": seconds, "outputs": []})
            raise
        written = outputs() if callable(outputs) else fixed
        self.mark(name, before + time.monotonic() - start, written, inputs)
        return True

    @property
    def stage_seconds(self) -> dict[str, float]:
        """How long each finished stage took, in the order in which they ran."""
        stages = self._stages()
        return {name: one.get("seconds", 0.0) for name, one in stages.items() if one["finished"]}


def _as_json(key: str, value: Any) -> Any:
    with contextlib.suppress(TypeError, ValueError):
        return json.loads(json.dumps(value, allow_nan=False))
    raise ValueError(
        f"{key}: expected a value that JSON has (text, finite number, true, false, null, list, "
        f"object), received {value!r}"
    )
