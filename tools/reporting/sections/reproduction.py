"""The provenance of a run: commands, revisions, versions, times, and how to reproduce it."""

import re
import shlex
from collections.abc import Mapping
from typing import Any

from tools.reporting.data.records import Provenance
from tools.reporting.data.run import Run
from tools.reporting.drawing import bar_chart
from tools.reporting.drawing.bar_chart import Bar
from tools.reporting.sections.figures import Figure, Section, Table
from tools.terminal import console

# Suffix of a git revision when the sources had uncommitted changes.
_DIRTY = "+changes"


def section(run: Run) -> Section:
    """Shows provenance, versions and times."""
    if not run.provenances:
        return Section("provenance", "Provenance", missing=["No file has a provenance."])
    seconds = _time(run)
    return Section(
        key="provenance",
        title="Provenance",
        figures=[seconds] if seconds else [],
        tables=[_files(run.provenances), *_versions(run)],
    )


def commands_section(run: Run) -> Section:
    """Lists the commands that reproduce the run."""
    known = list(run.provenances.values())
    found = commands(known)
    revisions = [made.git_revision for made in known if made.git_revision]
    commits = list(dict.fromkeys(revision.removesuffix(_DIRTY) for revision in revisions))
    words = []
    if any(revision.endswith(_DIRTY) for revision in revisions):
        words.append("Some files were made by sources with uncommitted changes.")
    if len(commits) > 1:
        words.append(f"The files were made at {len(commits)} different commits; see above.")
    words.append(
        "With another --workdir the commands make everything anew; with this one, only what is "
        "missing."
    )
    return Section(
        key="commands",
        title="Reproduce this run",
        lead=" ".join(words),
        commands=[
            *([f"git checkout {shlex.quote(commits[0])}"] if len(commits) == 1 else []),
            *found,
            f"python -m tools.report {shlex.quote(f'--workdir={run.path}')}",
        ],
        missing=[] if found else ["No file says which command made it."],
    )


def commands(made: list[Provenance]) -> list[str]:
    """Every command once, in order, as typed in a terminal."""
    typed = []
    first = [command for one in made for command in one.extends]
    for command in [*first, *(one.command for one in made)]:
        tool = re.match(r"(\w+)\.py\b(.*)", command, re.DOTALL)
        if tool:
            typed.append(f"python -m tools.{tool[1]}{tool[2]}")
    return list(dict.fromkeys(typed))


def _time(run: Run) -> Figure | None:
    # The report stage is still running while it writes this page, so its time is unknown.
    spent = {name: seconds for name, seconds in run.stage_seconds.items() if name != "report"}
    if not spent:
        return None
    total = sum(spent.values())
    longest = max(spent, key=lambda name: spent[name])
    bars = [
        Bar(name, value, console.duration(value), "accent" if name == longest else "plain")
        for name, value in spent.items()
    ]
    words = ", ".join(f"{bar.name} {bar.shown}" for bar in bars)
    return Figure(
        key="time",
        title=f"{console.duration(total)} in total",
        pictures=[bar_chart.draw(bars, f"Time by stage: {words}.")],
        caption="Time by stage, on the machine that ran the command.",
    )


def _files(made_by: Mapping[str, Provenance]) -> Table:
    """A table with one row per command and revision, with the files that they made."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name, made in made_by.items():
        groups.setdefault((made.git_revision or "unknown", made.command), []).append(name)
    rows = [(revision, command, ", ".join(names)) for (revision, command), names in groups.items()]
    return Table("Commands and revisions", ("git revision", "command", "files"), rows)


def _versions(run: Run) -> list[Table]:
    made = list(run.provenances.values())[-1]
    rows = [("Python", made.python or "unknown"), ("platform", made.platform or "unknown")]
    rows += [(name, version or "not installed") for name, version in made.libraries.items()]
    tables = [Table("Versions", ("name", "version"), rows)]
    if run.latency is not None:
        known = {k: v for k, v in run.latency.environment.items() if v is not None}
        rows = [(name.replace("_", " "), _words(value)) for name, value in known.items()]
        tables.append(Table("Device", ("property", "as measured"), rows))
    return tables


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
