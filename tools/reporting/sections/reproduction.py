"""Where a run came from, how long it took, and the commands that make it again."""

import re
from collections.abc import Mapping
from typing import Any

from tools.reporting.data.records import Provenance
from tools.reporting.data.run import Run
from tools.reporting.drawing import bar_chart
from tools.reporting.drawing.bar_chart import Bar
from tools.reporting.sections.figures import Figure, Section, Table
from tools.terminal import console

# What a git revision ends with where the sources were not as it has them.
_DIRTY = "+changes"


def section(run: Run) -> Section:
    """Provenance, times, commands."""
    if not run.provenances:
        return Section("provenance", "Where it came from", missing=["No file says what made it."])
    seconds = _time(run)
    return Section(
        key="provenance",
        title="Where it came from",
        figures=[seconds] if seconds else [],
        tables=[_files(run.provenances), *_versions(run)],
    )


def commands_section(run: Run) -> Section:
    """What to type to get the same again."""
    known = list(run.provenances.values())
    found = commands(known)
    revisions = [made.git_revision for made in known if made.git_revision]
    commits = list(dict.fromkeys(revision.removesuffix(_DIRTY) for revision in revisions))
    words = []
    if any(revision.endswith(_DIRTY) for revision in revisions):
        words.append("Some files were made by sources with changes that no commit holds.")
    if len(commits) > 1:
        words.append(f"The files were made by {len(commits)} commits; see above.")
    words.append("With another --workdir all of it is made anew; with this one, what is missing.")
    return Section(
        key="commands",
        title="Make it again",
        lead=" ".join(words),
        commands=[
            *([f"git checkout {commits[0]}"] if len(commits) == 1 else []),
            *found,
            f"python -m tools.report --workdir={run.path}",
        ],
        missing=[] if found else ["No file says which command made it."],
    )


def commands(made: list[Provenance]) -> list[str]:
    """Every command once, in order, as it is typed."""
    typed = []
    for one in made:
        tool = re.match(r"(\w+)\.py\b(.*)", one.command, re.DOTALL)
        if tool:
            typed.append(f"python -m tools.{tool[1]}{tool[2]}")
    return list(dict.fromkeys(typed))


def _time(run: Run) -> Figure | None:
    # The report is written in the midst of its own stage.
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
        title=f"{console.duration(total)} in all",
        pictures=[bar_chart.draw(bars, f"Time by stage: {words}.")],
        caption="Time by stage, on the machine that ran the command.",
    )


def _files(made_by: Mapping[str, Provenance]) -> Table:
    """Files of one command and revision in one row."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name, made in made_by.items():
        groups.setdefault((made.git_revision or "not known", made.command), []).append(name)
    rows = [(revision, command, ", ".join(names)) for (revision, command), names in groups.items()]
    return Table("Commands and revisions", ("git revision", "command", "files"), rows)


def _versions(run: Run) -> list[Table]:
    made = list(run.provenances.values())[-1]
    rows = [("Python", made.python or "not known"), ("platform", made.platform or "not known")]
    rows += [(name, version or "not installed") for name, version in made.libraries.items()]
    tables = [Table("Versions", ("what", "version"), rows)]
    if run.latency is not None:
        known = {k: v for k, v in run.latency.environment.items() if v is not None}
        rows = [(name.replace("_", " "), _words(value)) for name, value in known.items()]
        tables.append(Table("Device", ("what", "as measured"), rows))
    return tables


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
