"""The step-by-step commands of README.md, run as they stand, on a small space and data set."""

import os
import pathlib
import re
import shlex
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]

# Long in README, short here. Nothing else is changed.
SMALLER = {
    "--space=cifar": "--space=tiny",
    "--dataset=cifar10": "--dataset=fashion_mnist",
    "--epochs=10": "--epochs=1",
    "--warmup_epochs=5": "--warmup_epochs=1",
}
# Its children are images of 28x28 pixels in gray.
FOR_GRAY_IMAGES = ["--resolution=28", "--input_channels=1", "--networks=4"]

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


def commands():
    """The arguments of every `python -m tools.x` in README's section on single steps."""
    text = (ROOT / "README.md").read_text("utf-8").replace("\\\n", " ")
    section = text[text.index("step by step") :]
    section = section[: section.index("\n## ")]
    return [shlex.split(line) for line in re.findall(r"^    (python -m tools\..*)$", section, re.M)]


def test_commands_of_readme_run_in_their_order(fashion_data_dir, tmp_path):
    tools = []
    for command in commands():
        tool = command[2].removeprefix("tools.")
        tools.append(tool)
        arguments = [SMALLER.get(argument, argument) for argument in command[3:]]
        if any(argument.startswith("--dataset") for argument in arguments):
            arguments.append(f"--data_dir={fashion_data_dir}")
        if tool == "benchmark":
            arguments += FOR_GRAY_IMAGES
        done = subprocess.run(
            [sys.executable, "-m", command[2], *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (command, done.stderr)
    assert tools == ["prepare_data", "benchmark", "fit_latency", "search", "train", "export_tflite"]
    made = {path.name for path in (tmp_path / "runs/mine").iterdir()}
    assert made >= {"measurements.jsonl", "latency_model.json", "child.json", "child.keras"}
    assert made >= {"child_float32.tflite", "child_int8.tflite", "parity_int8.json"}
