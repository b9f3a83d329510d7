import json
import math
import os
import subprocess
import sys

import pytest

from nas.architecture import spec_json, specs
from nas.architecture.operations import MBConv
from nas.architecture.spaces import load_space
from tools.experiments import peak_memory, supernet_steps

KEYS = {
    *("weight_step_s", "child_step_s", "step_ratio", "step_ratio_same_kernels"),
    *("arch_two_step_s", "arch_two_ratio", "arch_full_step_s", "arch_full_ratio"),
    *("arch_reinforce_step_s", "arch_reinforce_ratio"),
    *("trace_s", "first_step_s", "peak_memory_ratio", "images_per_s", "growth"),
    *("darts_step_s", "darts_ratio", "one_shot_step_s", "one_shot_ratio"),
}


def run(*flags):
    command = [sys.executable, "-m", "tools.benchmark_supernet", *flags]
    # With oneDNN, as a user runs it: its allocator counts tensors.
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment)


def test_the_file_holds_every_number_and_the_table_names_every_step(tmp_path):
    output = tmp_path / "supernet.json"
    done = run(
        *("--space=tiny", "--batch_size=64", "--resolution=16", "--paths=1", "--rounds=1"),
        *("--memory_processes=1", "--growth=2", f"--output={output}"),
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(output.read_text())
    assert set(found) >= KEYS
    assert found["resolution"] == 16 and found["batch_size"] == 64
    numbers = [found[key] for key in KEYS - {"growth"}] + [
        *(found["peak_tensors_ratio"], *found["peak_memory_mib"].values()),
        *found["peak_tensors_mib"].values(),
    ]
    assert all(math.isfinite(number) and number > 0 for number in numbers)
    (grown,) = found["growth"]
    assert grown["candidates"] == 2 and grown["peak_memory_mib"] > 0
    assert grown["peak_tensors_mib"] > 0
    steps = "stock Keras layers", "weight step", "two paths", "exact", "REINFORCE", "DARTS"
    for name in (*steps, "One-Shot"):
        assert name in done.stdout
    for chatter in ("AutoGraph", "lambda", "WARNING"):
        assert chatter not in done.stdout + done.stderr
    more = run(
        *("--space=tiny", "--batch_size=64", "--resolution=16", "--rounds=1"),
        *("--measure=growth", "--growth=3", f"--output={output}"),
    )
    assert more.returncode == 0, more.stderr
    both = json.loads(output.read_text())
    assert both["growth"][0] == grown and both["growth"][1]["candidates"] == 3
    assert both | {"growth": 0, "provenance": 0} == found | {"growth": 0, "provenance": 0}


def test_a_growth_that_cannot_be_is_refused_before_any_work(tmp_path):
    done = run("--space=tiny", "--growth=1,9", f"--output={tmp_path / 'x.json'}")
    assert done.returncode != 0
    assert "growth: expected numbers from 1 to 6, received '9'" in done.stderr


def test_an_unknown_measurement_is_refused_before_any_work(tmp_path):
    done = run("--space=tiny", "--measure=time", f"--output={tmp_path / 'x.json'}")
    assert done.returncode != 0
    assert "measure: expected some of times, memory, growth, received 'time'" in done.stderr


@pytest.mark.parametrize("count", [1, 2, 6])
def test_grown_spaces_hold_so_many_candidates_and_the_same_first_path(count):
    space = supernet_steps.with_candidates(load_space("cifar"), count)
    counts = [len(slot.candidates) for slot in space.slots]
    if count == 1:
        assert counts == [2]
    else:
        assert counts == [count] * 7
    child = space.child([0] * len(space.slots))
    assert {block.op for block in child.layers} == {MBConv(3, 3)}


def test_a_step_that_keeps_more_has_the_higher_peak(monkeypatch):
    """The reading itself: a mixture of all paths at a resolution where activations outweigh."""
    space = load_space("tiny").with_task(10, 128)
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    # The dictionary travels to a process of its own, so it must be complete.
    assert spec_json.from_dict(specs.SearchSpace, spec_json.to_dict(space)) == space
    one, all_paths = (
        peak_memory.of_step(kind, space, [0, 0, 0], 32, 1) for kind in ("supernet", "darts")
    )
    assert all_paths.process > one.process
    # Of 32 x 128 x 128 x 8 numbers, the stem's output, a mixture keeps more than one in any slot.
    assert all_paths.tensors > one.tensors > 32 * 128 * 128 * 8 / 2**20


def test_an_allocator_that_does_not_count_is_no_fault(monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    peak = peak_memory.of_step("supernet", load_space("tiny"), [0, 0, 0], 2, 1)
    assert peak.process > 0 and peak.tensors is None
