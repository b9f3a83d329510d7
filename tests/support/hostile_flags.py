"""Gives hostile values to every flag of a tool, in one process, and collects how it answers.

`complaints` runs this file as a module. The values are made from the types of the flags.
"""

import importlib
import json
import pathlib
import sys
from collections.abc import Iterator

# Values for the flags that a tool requires.
REQUIRED = {
    "workdir": "{}/new",
    "output": "{}/new.json",
    "child": "proxyless_mobile",
    "measurements": "none.jsonl",
    "latency_model": "pixel1",
    "model": "none.keras",
    "reference": "none",
    "reference_python": "none",
    "target_latency_ms": "1",
    "truth": "none",
}


def complaints(tool: str, folder: pathlib.Path) -> tuple[int, list[str]]:
    """Tries hostile values for every flag of `tools.<tool>`.

    Returns:
        Number of tries; and what is wrong, one line each: values accepted, messages of several
        lines or without the name of the flag or its value, and tracebacks.
    """
    import processes

    done = processes.run("hostile_flags", f"tools.{tool}", str(folder))
    assert done.returncode == 0, done.stderr[-3000:]
    tries, told = json.loads(done.stdout.splitlines()[-1])
    return tries, told


def _values(flag, folder: pathlib.Path) -> Iterator[str]:
    """Values that no flag of this type and name may take."""
    kind = flag.flag_type()
    if kind == "float":
        yield from ("nan", "inf", "-inf", "1e999", "x", "", "1" * 5_000, "-1")
    elif kind == "int":
        yield from ("nan", "1.5", "x", "", "4294967296", "1" * 30, "1" * 5_000, "-1")
    elif "list" in kind or "comma" in kind:
        yield from ("", ",", "a,,b", "a,a", " ")
        if flag.name == "seeds":
            yield from ("x", "4294967296", "-1", "1.5", "nan")
        if flag.name.startswith("target_latency"):
            yield from ("nan", "inf", "-1", "x", "0.5,0.50")
    elif "enum" in kind:
        yield from ("x", "")
    elif kind == "string":
        yield from ("", "  ")
        if flag.name == "dataset":
            yield from ("./photos", str(folder), "/no/such/folder", "folder:", "~/photos")
        # A report only reads it, and refuses it when it does.
        if flag.name == "workdir" and sys.argv[1] != "tools.report":
            yield from ("/proc/x", f"{folder}/file", f"{folder}/file/inside")
        if flag.name == "output":
            yield from ("/proc/x", str(folder), "/dev/null", f"{folder}/file/x", f"{folder}/y/")
    elif kind == "bool":
        yield from ("x", "2")


def main() -> None:
    """Tries every value; prints the number of tries and what is wrong as JSON."""
    from absl import flags

    module, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    (folder / "file").write_text("of the user")
    before = sorted(folder.rglob("*"))
    importlib.import_module(module)
    from tools.terminal import flag_checks

    ours = flags.FLAGS.flags_by_module_dict()
    own = {f.name: f for name, found in ours.items() if name.startswith("tools.") for f in found}
    needed = {k: v.format(folder) for k, v in REQUIRED.items() if k in own}
    wrong, tries = [], 0
    for name, flag in own.items():
        for value in _values(flag, folder):
            tries += 1
            for other in flags.FLAGS.flag_values_dict():
                flags.FLAGS[other].unparse()
            given = [f"--{k}={v}" for k, v in {**needed, name: value}.items()]
            shown = f"--{name}={value[:40]!r}"
            try:
                flag_checks.parse([module, *given])
                flag_checks.check(flags.FLAGS, module.removeprefix("tools."))
            except (ValueError, OSError) as error:
                text = str(error)
                if "\n" in text or len(text) > 700 or not (name in text or value in text):
                    wrong.append(f"{shown}: {text[:200]}")
            except Exception as error:
                wrong.append(f"{shown}: {type(error).__name__}: {error}"[:300])
            else:
                wrong.append(f"{shown}: accepted")
    if sorted(folder.rglob("*")) != before:
        wrong.append("files were left behind")
    print(json.dumps([tries, wrong]))


if __name__ == "__main__":
    main()
