"""Trains a child of every kind of operation, exports it by every recipe, and runs it elsewhere.

    .venv/bin/python -m tests.environments.every_operation --workdir=runs/operations

The networks have the shape of those of the space `cifar`, on CIFAR-10. Each is trained by
`tools.train` and written by `tools.export_tflite`; recipes that cannot write it must say so before
any work. The files then run in tflite-runtime 2.14 and, if they take pixels or floats, in MediaPipe
(`make.sh` makes both environments). WORKDIR/<child> is the work dir of a child, and
WORKDIR/table.md has a row for each file. A recipe whose file is refused does not end the command,
and stands in the table with the reason. Run the same command again to resume.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import numpy as np

from export import recipes, support
from export.checks import interpreter
from nas import files
from nas.architecture import spaces, spec_json
from nas.architecture.blocks import Block, Head, Stem
from nas.architecture.operations import UIB, FusedMBConv, MBConv
from nas.architecture.specs import Child
from nas.data import batching, loading

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# Output width and stride of every block.
PLACES = ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1))
# For each child: the operation where the stride is 2 or the block is the first, the operation
# elsewhere, the activation of stem and head, and the pooled width of the head.
KINDS: dict[str, tuple[Any, Any, str, int | None]] = {
    "relu": (MBConv(3, 3, "relu"), MBConv(5, 3, "relu"), "relu", None),
    "hard_swish": (MBConv(3, 3, "hard_swish"), MBConv(5, 2.5, "hard_swish"), "hard_swish", 128),
    "se": (MBConv(3, 3, se_ratio=0.25), MBConv(5, 3, se_ratio=0.25), "relu6", 128),
    "fused": (FusedMBConv(3, 2), FusedMBConv(3, 2), "relu6", None),
    "uib": (UIB(3, 3, 3), UIB(0, 0, 3), "relu6", 128),
}
PUBLISHED = ("mobilenet_v3_small",)
# Images that run in the other programs.
ELSEWHERE = 500


def child_of(name: str) -> Child:
    """Returns a network of one kind of operation."""
    reducing, keeping, activation, pooled = KINDS[name]
    blocks, width = [], 16
    for i, (output_width, stride) in enumerate(PLACES):
        op = reducing if i == 0 or stride == 2 else keeping
        blocks.append(Block(op, width, output_width, stride))
        width = output_width
    head = Head(128, activation, pooled_width=pooled)
    return Child(name, 32, 10, Stem(16, activation=activation), tuple(blocks), head)


def command(tool: str, *flags: str) -> tuple[int, str]:
    """Runs one of our commands, shows what it prints, and returns exit code and last error line."""
    print(f"$ python -m tools.{tool} {' '.join(flags)}", flush=True)
    done = subprocess.run(
        [sys.executable, "-m", f"tools.{tool}", *flags], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    if done.returncode and not errors:
        sys.exit(done.stderr[-3000:] or f"tools.{tool} ended with exit code {done.returncode}")
    return done.returncode, errors[-1].removeprefix("error: ") if errors else ""


def trained(name: str, folder: pathlib.Path, epochs: int, data: list[str]) -> Child:
    """Trains a child, unless it is trained, and returns it."""
    given = name
    if name in KINDS:
        given = str(folder.with_suffix(".json"))
        files.write_json(given, spec_json.to_dict(child_of(name)))
    code, fault = command(
        "train", f"--child={given}", f"--epochs={epochs}", f"--workdir={folder}", *data
    )
    if code:
        sys.exit(fault)
    return spaces.load_child(str(folder / "child.json"))


def exported(child: Child, folder: pathlib.Path, flags: list[str]) -> dict[str, str]:
    """Writes a child by every recipe; returns the reasons of those that did not write it."""
    faults = {}
    for name in recipes.RECIPES:
        try:
            support.check(child, name)
        except ValueError as refusal:
            if faults:  # The command was tried with another recipe that is refused.
                faults[name] = "refused"
                continue
            code, fault = command("export_tflite", f"--recipes={name}", *flags)
            if not code or str(refusal) not in fault:
                sys.exit(f"{child.name}: expected a refusal of {name}, received {fault!r}")
            faults[name] = "refused"
    wanted = [name for name in recipes.RECIPES if name not in faults]
    while wanted:
        code, fault = command("export_tflite", f"--recipes={','.join(wanted)}", *flags)
        if not code:
            break
        (failed,) = [name for name in wanted if fault.startswith(f"{name}: ")] or sys.exit(fault)
        faults[failed] = fault
        wanted.remove(failed)
    return faults


def classified(python: str, model: pathlib.Path, pixels: pathlib.Path) -> list[int]:
    """Returns the classes that MediaPipe finds."""
    result = model.with_suffix(".mediapipe.json")
    script = HERE / "classify_with_mediapipe.py"
    subprocess.run(
        [python, str(script), str(model), str(pixels), str(result)],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    return [entry["index"] for entry in json.loads(result.read_text())["classes"]]


def made(name: str) -> str:
    """Makes an environment, unless it is there, and returns its Python."""
    done = subprocess.run(
        ["bash", str(HERE / "make.sh"), name],
        env={**os.environ, "PYTHON": sys.executable},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def row(name: str, folder: pathlib.Path, mediapipe: str, pixels: np.ndarray) -> tuple[str, ...]:
    """Returns the figures of one file, and runs it in MediaPipe if that takes it."""
    found = json.loads((folder / f"parity_{name}.json").read_text())
    tuned = found["fine_tuning"]
    parent = tuned["accuracy_parent"] if tuned else found["accuracy_keras"]
    model, same = folder / f"child_{name}.tflite", "-"
    # MediaPipe's classifier takes float32 and uint8.
    if recipes.recipe(name).interface != "int8":
        np.save(folder / "pixels.npy", pixels)
        classes = classified(mediapipe, model, folder / "pixels.npy")
        images = batching.to_float(pixels).numpy()
        here = interpreter.predict(model.read_bytes(), images).argmax(axis=1)
        same = f"{100 * np.mean(here == classes):.1f}"
    (old,) = found["other_runtimes"].values()
    old_same = f"{100 * old['top1_agreement']:.1f}" if old["loads"] else old["reason"]
    return (
        f"{100 * parent:.2f}",
        f"{100 * found['accuracy_tflite']:.2f}",
        f"{100 * found['top1_agreement']:.2f}",
        f"{found['max_abs_difference'] / found['max_abs_logit']:.2g}",
        f"{found['size_bytes']:,}",
        old_same,
        same,
    )


def main() -> None:
    """Goes through the children and writes the table after each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--workdir", required=True, type=pathlib.Path)
    parser.add_argument("--children", default=",".join((*KINDS, *PUBLISHED)))
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--fine_tune_epochs", type=int, default=2)
    parser.add_argument("--fine_tune_examples", type=int, default=10_000)
    parser.add_argument("--max_test_images", type=int, default=0)
    given = parser.parse_args()
    workdir = given.workdir.resolve()
    old, mediapipe = made("tflite_runtime"), made("mediapipe")
    pixels = loading.load(given.dataset, None, validation_size=5000).test.images[:ELSEWHERE]
    shared = [f"--dataset={given.dataset}"]
    header = (
        "child",
        "recipe",
        "float %",
        "file %",
        "same top-1 %",
        "largest difference",
        "bytes",
        "tflite-runtime 2.14 %",
        "MediaPipe %",
    )
    lines = [f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    notes = []
    for name in given.children.split(","):
        folder = workdir / name
        child = trained(name, folder, given.epochs, shared)
        flags = [
            f"--model={folder / 'child.keras'}",
            f"--workdir={folder}",
            f"--other_runtimes={old}",
            f"--max_train_examples={given.fine_tune_examples}",
            f"--fine_tune_epochs={given.fine_tune_epochs}",
            f"--max_test_images={given.max_test_images}",
            "--nomeasure",
            *shared,
        ]
        faults = exported(child, folder, flags)
        for recipe in recipes.RECIPES:
            if recipe in faults:
                figures = ("refused",) if faults[recipe] == "refused" else ("FAILED",)
                if faults[recipe] != "refused":
                    notes.append(f"- {name}, {faults[recipe]}")
            else:
                figures = row(recipe, folder, mediapipe, pixels)
            cells = (name, recipe, *figures, *[""] * (7 - len(figures)))
            lines.append(f"| {' | '.join(cells)} |")
        files.write_bytes(workdir / "table.md", "\n".join([*lines, "", *notes, ""]).encode())
    print((workdir / "table.md").read_text())


if __name__ == "__main__":
    main()
