"""Writes one self-contained HTML page about a work dir: the network, its search and its results.

    python -m tools.report --workdir=runs/quick

The page is `report/index.html` in the work dir. The run need not be finished, and may still be
running; the page says what is missing. For several runs, separated by commas, the page describes
the first one and compares it with the others:

    python -m tools.report --workdirs=runs/quick,runs/seed1 --output=comparison.html
"""

from absl import flags

from tools.terminal import console

_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Work dir of tools.pipeline, tools.search or tools.train."
)
_WORKDIRS = flags.DEFINE_list(
    "workdirs", [], "Instead of --workdir: several work dirs; the page describes the first."
)
_OUTPUT = flags.DEFINE_string(
    "output", None, "File to write; by default report/index.html in the work dir."
)


def main() -> None:
    """Reads the work dirs, writes the page and prints its path."""
    paths = [path for path in (_WORKDIRS.value or [_WORKDIR.value]) if path]
    if not paths or (_WORKDIR.value and _WORKDIRS.value):
        raise ValueError("expected --workdir=DIR or --workdirs=DIR,DIR; received neither or both")
    if len(set(paths)) < len(paths):
        raise ValueError(f"workdirs: expected different work dirs, received {', '.join(paths)}")
    # scipy takes a second to import; `--help` and a bad flag should answer at once.
    from tools.reporting import page

    console.say(f"the report is {page.write(paths, _OUTPUT.value)}")


if __name__ == "__main__":
    console.run(main)
