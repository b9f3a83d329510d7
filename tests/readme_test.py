"""Every command of README.md, run as it stands and in its order, on a small space and data set."""

import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

import processes
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]

# Long in README, short here. Nothing else is changed.
SMALLER = {
    "--preset=cifar10": "--preset=tiny",
    "--space=cifar": "--space=tiny",
    "--dataset=cifar10": "--dataset=fashion_mnist",
    "--epochs=10": "--epochs=1",
    "--warmup_epochs=5": "--warmup_epochs=1",
    "--networks=40": "--networks=6",
    "--count=5": "--count=1",
    "--repeats=3": "--repeats=1",
    "--search_seconds=180": "--search_seconds=0",
}
ADDED = {
    # Its children are images of 28x28 pixels in gray.
    "benchmark": ["--resolution=28", "--input_channels=1", "--networks=4"],
    # So few networks have none of equal latency among them.
    "compare_random": ["--tolerance=1"],
    "compare_search": [
        *("--space=tiny", "--dataset=fashion_mnist", "--algorithms=random", "--seeds=0"),
        *(
            "--warmup_epochs=1",
            "--epochs=1",
            "--train_epochs=1",
            "--max_train_examples=300",
            "--batch_size=32",
        ),
    ],
}
READ_DATA = {
    *("prepare_data", "search", "train", "export_tflite", "pipeline"),
    *("compare_random", "compare_search"),
}

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


def commands():
    """The words of every indented line that begins with a program, in their order."""
    text = (ROOT / "README.md").read_text("utf-8").replace("\\\n", " ")
    return [shlex.split(line) for line in re.findall(r"^    (\w.*)$", text, re.M)]


def named(kind):
    return [command for command in commands() if command[0] == kind]


@pytest.fixture(scope="module")
def here(tmp_path_factory, fashion_data_dir):
    """A folder for all of it, with a Makefile and the environment that is installed already."""
    path = tmp_path_factory.mktemp("readme")
    for name in ("Makefile", "pyproject.toml"):
        (path / name).symlink_to(ROOT / name)
    (path / ".venv").mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (path / ".venv" / name).symlink_to(pathlib.Path(sys.prefix) / name)
    (path / ".venv/.installed").touch()
    return path


def run(here, *command):
    done = subprocess.run(
        command,
        cwd=here,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr)
    return done.stdout


def test_every_command_is_of_a_kind_that_is_run_here():
    assert {command[0] for command in commands()} == {"make", "python", "tensorboard"}
    assert [command[1] for command in named("make")] == ["search", "test", "search"]
    assert all(command[1] == "-m" for command in named("python"))


@pytest.mark.parametrize("command", [c for c in named("make") if c[1] == "search"], ids=" ".join)
def test_make_search_runs_the_pipeline(command, here, fashion_data_dir):
    printed = run(here, *command, "PRESET=tiny", f"FLAGS=--data_dir={fashion_data_dir}")
    given = dict(word.split("=") for word in command[2:])
    made = here / given.get("WORKDIR", "runs/quick")
    assert f"all files are in {made.relative_to(here)}" in printed
    assert {"summary.json", "child_int8.tflite"} <= {path.name for path in made.iterdir()}
    assert json.loads((made / "summary.json").read_text())["seed"] == int(given.get("SEED", 0))


def test_make_test_runs_pytest(here):
    # Of which this is one.
    assert "-m pytest -q" in run(here, "make", "test", "--dry-run")


@pytest.mark.parametrize("command", named("python"), ids=lambda words: words[2])
def test_a_tool_runs_with_what_those_before_it_left(command, here, fashion_data_dir):
    tool = command[2].removeprefix("tools.")
    arguments = [SMALLER.get(argument, argument) for argument in command[3:]]
    if tool in READ_DATA:
        arguments.append(f"--data_dir={fashion_data_dir}")
    arguments += ADDED.get(tool, [])
    # Forked from a process that has imported TensorFlow; `make search` starts Python anew, and
    # tests/tools/fresh_process_test.py every tool.
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = processes.run(command[2], *arguments, cwd=here, env=environment)
    assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr)


def test_the_steps_leave_what_they_promise(here):
    made = {path.name for path in (here / "runs/mine").iterdir()}
    assert made >= {"measurements.jsonl", "latency_model.json", "child.json", "child.keras"}
    assert made >= {"child_float32.tflite", "child_int8.tflite", "parity_int8.json"}
    assert not (here / "runs/mine2").exists()


def test_tensorboard_finds_the_curves(here):
    ((program, logdir),) = named("tensorboard")
    folder = logdir.removeprefix("--logdir=")
    inspected = run(here, here / ".venv/bin" / program, "--inspect", f"--logdir={folder}/search")
    assert "slot_00/k3e1" in inspected
