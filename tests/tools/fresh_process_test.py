"""Tests run most commands in forks of a process that imported TensorFlow; here is why they may.

A real `python -m` of half of the tools says the same, among them one of each kind that imports
TensorFlow before its input is refused. Every tool is imported in a new process.
"""

import pathlib
import subprocess
import sys

import processes
import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

NONE = "--workdir=no/such/folder"
COMMANDS = [
    ["benchmark_supernet", "--growth=9", "--output=x.json"],
    ["benchmark_data", "--dataset=no_such_data", "--data_dir=none"],
    ["compare_reference", "--reference=none", "--reference_python=none", "--output=x.json"],
    ["compare_widths", NONE],
    ["evaluate_latency", "--latency_model=none.json", "--measurements=none", "--output=x.json"],
    ["report", NONE],
    # TensorFlow is imported, without a word of it.
    ["search", "--space=huge", "--workdir=none"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_forked_command_does_what_one_of_its_own_does(command, tmp_path):
    tool, *flags = command
    environment = processes.with_our_packages()
    forked = processes.run(f"tools.{tool}", *flags, cwd=tmp_path, env=environment)
    fresh = processes.run_fresh(f"tools.{tool}", *flags, cwd=tmp_path, env=environment)
    assert fresh.returncode == forked.returncode == 1
    assert (forked.stdout, forked.stderr) == (fresh.stdout, fresh.stderr)
    assert fresh.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("flag", ["--helpshort", "--no_such_flag"])
def test_flags_are_read_and_told_alike(flag):
    forked, fresh = (
        run("tools.train", flag, "--workdir=none", "--child=none")
        for run in (processes.run, processes.run_fresh)
    )
    assert (forked.returncode, forked.stdout, forked.stderr) == (
        fresh.returncode,
        fresh.stdout,
        fresh.stderr,
    )


# Imports every tool in a fork of its own, as its `--help` does, and prints what must wait.
IMPORT_EACH = """
import importlib, os, sys
slow = {"tensorflow", "keras", "sklearn", "scipy.stats", "scipy.optimize", "matplotlib"}
for tool in sys.argv[1:]:
    if os.fork() == 0:
        importlib.import_module(f"tools.{tool}")
        print(tool, *sorted(slow & {*sys.modules}), flush=True)
        os._exit(0)
    os.wait()
"""


def test_no_tool_imports_what_takes_seconds_before_its_flags_are_read():
    root = pathlib.Path(__file__).parents[2]
    tools = sorted(path.stem for path in (root / "tools").glob("*.py") if path.stem != "__init__")
    tools += [
        "experiments.make_truth",
        "experiments.judge_search",
        "experiments.sweep_rates",
        "experiments.reward_noise",
    ]
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_EACH, *tools], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n") == [*tools, ""]
