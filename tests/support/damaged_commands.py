"""Runs one tool on a work dir with damaged files, many times in one process.

`complaints` runs this file as a module. Whatever follows the reading of files is cut off: a command
that asks for its data set has read all the others, and counts as having accepted them.
"""

import contextlib
import importlib
import io
import json
import pathlib
import shutil
import sys
from collections.abc import Sequence


class Reached(BaseException):
    """The command has read its files."""


def complaints(
    tool: str, arguments: Sequence[str], folder: pathlib.Path, names: Sequence[str], every: int = 1
) -> tuple[int, list[str]]:
    """Damages files of a work dir in turn and runs a tool each time.

    Args:
        tool: name of the tool; `tools.<tool>` is run.
        arguments: its flags, with `{}` for the work dir.
        folder: a work dir with which the tool works; it stays as it is.
        names: the files, relative to it.
        every: of the damages of JSON values, every which one is tried.

    Returns:
        Number of tries; and what is wrong, one line each: tracebacks, messages without the name of
        the file, and damages accepted that no command may accept.
    """
    import processes

    given = [f"tools.{tool}", json.dumps(list(arguments)), str(folder), json.dumps(list(names))]
    done = processes.run("damaged_commands", *given, str(every))
    assert done.returncode == 0, done.stderr[-3000:]
    told = [line for line in done.stdout.splitlines() if line.startswith(("tries: ", "wrong: "))]
    return int(told[-1].split()[1]), told[:-1]


def _damages(path: pathlib.Path, every: int):
    import damages

    found = damages.of_bytes()
    if path.suffix == ".json":
        found += list(damages.of_json(json.loads(path.read_text())))[::every]
    elif path.suffix == ".jsonl":
        rows = path.read_text().splitlines()
        found += list(damages.of_json(json.loads(rows[0])))[::every]
    elif path.suffix == ".npz":
        import numpy as np

        with np.load(path) as stored:
            found += damages.of_arrays("alphas", stored["alphas"])
    return found


def _cut_off() -> None:
    from nas.data import loading
    from tools.workflow import stages

    def reached(*arguments, **named):
        raise Reached

    loading.load = stages.load_dataset = reached


def _received(tool, arguments) -> tuple[str, BaseException | None]:
    from absl import flags

    for flag in flags.FLAGS.flag_values_dict():
        flags.FLAGS[flag].unparse()
    flags.FLAGS(["tool", *arguments])
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            tool.main()
    except Reached:
        return "accepted", None
    except (ValueError, OSError) as error:
        return "refused", error
    except Exception as error:
        return "crashed", error
    return "accepted", None


def main() -> None:
    """Tries every damage of every file; prints what is wrong and the number of tries."""
    module, arguments, folder, names, every = sys.argv[1:]
    whole = pathlib.Path(folder)
    tool = importlib.import_module(module)
    _cut_off()
    tries = 0
    shutil.rmtree(whole.parent / "damaged", ignore_errors=True)
    shutil.copytree(whole, whole.parent / "damaged")
    given = [one.format(whole.parent / "damaged") for one in json.loads(arguments)]
    # A command may refuse even the whole folder, for a reason that no damage has brought.
    before = str(_received(tool, given)[1])
    for name in json.loads(names):
        for damage in _damages(whole / name, int(every)):
            copy = whole.parent / "damaged"
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(whole, copy)
            damage.apply(copy / name)
            given = [one.format(copy) for one in json.loads(arguments)]
            how, error = _received(tool, given)
            tries += 1
            base = pathlib.Path(name).name
            text = f"{type(error).__name__}: {error}"
            if before == str(error):
                continue
            if how == "crashed" or (how == "refused" and (base not in text or "\n" in text)):
                print(f"wrong: {name}, {damage.name}: {text!r}"[:600])
    print(f"tries: {tries}")


if __name__ == "__main__":
    main()
