"""Collects the error messages of several commands of one tool, all in one process.

`received` runs this file as a module, with the module of the tool and the commands as JSON.
"""

import importlib
import json
import sys
from collections.abc import Sequence


def received(tool: str, commands: Sequence[Sequence[str]]) -> list[str]:
    """Returns the error of each command of `tools.<tool>`, or `nothing` if there was none."""
    import processes

    done = processes.run("refusals", f"tools.{tool}", json.dumps(commands))
    assert done.returncode == 0, done.stderr
    start = "refused: "
    found = [line[len(start) :] for line in done.stdout.splitlines() if line.startswith(start)]
    assert len(found) == len(commands), done.stdout
    return found


def _print_them(module: str, commands: Sequence[Sequence[str]]) -> None:
    from absl import flags

    tool = importlib.import_module(module)
    for arguments in commands:
        for flag in flags.FLAGS.flag_values_dict():
            flags.FLAGS[flag].unparse()
        flags.FLAGS([module, *arguments])
        try:
            tool.main()
        except ValueError as error:
            print("refused:", error)
        else:
            print("refused: nothing")


if __name__ == "__main__":
    _print_them(sys.argv[1], json.loads(sys.argv[2]))
