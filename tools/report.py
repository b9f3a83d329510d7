"""Writes one self-contained page about a work dir: the network, how it was found, what it does.

    python -m tools.report --workdir=runs/quick

The page is `report/index.html` in the work dir. A run that is not finished gets a page that says
what is not there yet; it may go on meanwhile. Several runs, separated by commas, are compared, the
page being about the first:

    python -m tools.report --workdirs=runs/quick,runs/seed1 --output=comparison.html
"""

from absl import flags

from tools.terminal import console

_WORKDIR = flags.DEFINE_string("workdir", None, "Of tools.pipeline, tools.search or tools.train.")
_WORKDIRS = flags.DEFINE_list("workdirs", [], "Instead: several, the one to report on first.")
_OUTPUT = flags.DEFINE_string(
    "output", None, "File to write; by default report/index.html in the work dir."
)


def main() -> None:
    """Reads, writes, and says where the page is."""
    paths = [path for path in (_WORKDIRS.value or [_WORKDIR.value]) if path]
    if not paths or (_WORKDIR.value and _WORKDIRS.value):
        raise ValueError("expected --workdir=DIR or --workdirs=DIR,DIR; received neither or both")
    if len(set(paths)) < len(paths):
        raise ValueError(f"workdirs: expected different work dirs, received {', '.join(paths)}")
    # scipy takes a second to import; `--help` and a bad flag should not wait for it.
    from tools.reporting import page

    console.say(f"the report is {page.write(paths, _OUTPUT.value)}")


if __name__ == "__main__":
    console.run(main)
