import dataclasses
import json
import math
import os

import processes
import pytest

from nas import files
from nas.architecture import spec_json, specs
from nas.architecture.operations import MBConv
from nas.architecture.spaces import load_space
from tools.experiments.steps import peak_memory, supernet_steps

KEYS = {
    *("weight_step_s", "child_step_s", "step_ratio", "step_ratio_same_kernels"),
    *("arch_two_step_s", "arch_two_ratio", "arch_full_step_s", "arch_full_ratio"),
    *("arch_reinforce_step_s", "arch_reinforce_ratio"),
    *("trace_s", "first_step_s", "peak_memory_ratio", "images_per_s", "growth"),
    *("darts_step_s", "darts_ratio", "one_shot_step_s", "one_shot_ratio"),
}


# As few layers as a supernet can have: every step of it is traced.
SMALL = specs.SearchSpace(
    name="small",
    resolution=16,
    num_classes=4,
    stem=specs.Stem(8, 3, 2),
    layers=(specs.Slot(8, 8, (MBConv(3, 3), MBConv(5, 3))),),
    head=specs.Head(8),
)


def run(*flags, module=("tools.benchmark_supernet",)):
    # With oneDNN, as a user runs it: its allocator counts tensors.
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "1"}
    return processes.run(*module, *flags, env=environment)


@pytest.mark.integration
def test_the_file_holds_every_number_and_the_table_names_every_step(tmp_path):
    output = tmp_path / "supernet.json"
    files.write_json(tmp_path / "small.json", spec_json.to_dict(SMALL))
    flags = f"--space={tmp_path / 'small.json'}", "--batch_size=64", f"--output={output}"
    forking = "forking_pools", "tools.benchmark_supernet"
    peaks = run(*flags, "--measure=memory", "--memory_processes=1", "--growth=2", module=forking)
    assert peaks.returncode == 0, peaks.stderr
    first = json.loads(output.read_text())
    done = run(*flags, "--measure=times,growth", "--paths=1", "--rounds=1", "--growth=2,3")
    assert done.returncode == 0, done.stderr
    found = json.loads(output.read_text())
    assert set(found) >= KEYS
    assert found["resolution"] == 16 and found["batch_size"] == 64
    numbers = [found[key] for key in KEYS - {"growth"}] + [
        *(found["peak_tensors_ratio"], *found["peak_memory_mib"].values()),
        *found["peak_tensors_mib"].values(),
    ]
    assert all(math.isfinite(number) and number > 0 for number in numbers)
    steps = "stock Keras layers", "weight step", "two paths", "exact", "REINFORCE", "DARTS"
    for name in (*steps, "One-Shot"):
        assert name in done.stdout
    for chatter in ("AutoGraph", "lambda", "WARNING"):
        assert chatter not in done.stdout + done.stderr + peaks.stdout + peaks.stderr
    # What was measured before stays, and rows of one number of candidates are joined.
    (grown,) = first["growth"]
    assert grown["candidates"] == 2 and grown["peak_memory_mib"] > 0
    assert grown["peak_tensors_mib"] > 0
    assert found | {"growth": 0, "provenance": 0} == found | first | {"growth": 0, "provenance": 0}
    two, three = found["growth"]
    assert two == two | grown and two["weight_step_s"] > 0
    assert three["candidates"] == 3 and three["trace_s"] > 0 and "peak_memory_mib" not in three


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


def peaks(one_dnn, space, kinds, batch_size):
    """`peak_memory.of_step` of each kind, in a process of its own, which asks others."""
    asked = json.dumps([spec_json.to_dict(space), kinds, batch_size])
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": one_dnn}
    done = processes.run("forking_pools", "peaks", asked, env=environment)
    assert done.returncode == 0, done.stderr
    return [peak_memory.Peak(*peak) for peak in json.loads(done.stdout)]


@pytest.mark.integration
def test_a_step_that_keeps_more_has_the_higher_peak():
    """The reading itself: a mixture of all paths at a resolution where activations outweigh."""
    space = load_space("tiny").with_task(10, 128)
    # The dictionary travels to a process of its own, so it must be complete.
    assert spec_json.from_dict(specs.SearchSpace, spec_json.to_dict(space)) == space
    one, all_paths = peaks("1", space, ["supernet", "darts"], 32)
    assert all_paths.process > one.process
    # Of 32 x 128 x 128 x 8 numbers, the stem's output, a mixture keeps more than one in any slot.
    assert all_paths.tensors > one.tensors > 32 * 128 * 128 * 8 / 2**20


@pytest.mark.integration
def test_an_allocator_that_does_not_count_is_no_fault():
    (peak,) = peaks("0", load_space("tiny"), ["supernet"], 2)
    assert peak.process > 0 and peak.tensors is None


@pytest.mark.integration
def test_every_peak_is_that_of_a_python_of_its_own(monkeypatch):
    """Not a fork, whose memory would be the parent's too."""
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    peak = peak_memory.of_step("supernet", SMALL, [0], 64, 1)
    assert peak.process > 0 and peak.tensors > 0


@pytest.mark.integration
def test_a_space_of_widths_and_resolutions_is_measured_without_darts(tmp_path):
    wide = dataclasses.replace(
        SMALL,
        resolution=(12, 16),
        stem=specs.Stem("w", 3, 2),
        layers=(specs.Slot("w", "w", (MBConv(3, 3), MBConv(5, 3))),),
        widths={"w": (8, 16)},
    )
    files.write_json(tmp_path / "wide.json", spec_json.to_dict(wide))
    output = tmp_path / "supernet.json"
    flags = f"--space={tmp_path / 'wide.json'}", "--batch_size=32", f"--output={output}"
    forking = "forking_pools", "tools.benchmark_supernet"
    given = "--measure=memory", "--memory_processes=1", "--growth=3"
    peaks = run(*flags, *given, module=forking)
    assert peaks.returncode == 0, peaks.stderr
    done = run(*flags, "--measure=times", "--paths=2", "--rounds=1")
    assert done.returncode == 0, done.stderr
    found = json.loads(output.read_text())
    assert set(found) >= KEYS - {"darts_step_s", "darts_ratio", "growth"}
    assert not [key for key in (*found, *found["peak_memory_mib"]) if "darts" in key]
    assert "DARTS" not in done.stdout and "One-Shot" in done.stdout


def test_the_largest_path_has_the_largest_widths_and_resolution():
    space = load_space("cifar_mobile")
    assert supernet_steps.largest_path(space)[-5:] == (3, 6, 12, 16, 1)
    assert "darts" not in supernet_steps.step_kinds(space)
    assert "darts" in supernet_steps.step_kinds(SMALL)
