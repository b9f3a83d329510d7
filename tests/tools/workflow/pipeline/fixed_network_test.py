"""The pretrained network itself, beside what a search that began with it has found."""

import dataclasses
import types

import pytest

from nas import files
from nas.architecture import spec_json
from nas.architecture.blocks import Head, Slot, Stem
from nas.architecture.operations import MBConv, Skip
from nas.architecture.specs import SearchSpace
from nas.choices import space_costs
from nas.layers import keras_network
from tools.reporting.data import records
from tools.reporting.sections import latency_section
from tools.terminal import pipeline_summary
from tools.workflow import presets
from tools.workflow.pipeline import fixed_network
from tools.workflow.pipeline.settings import Settings

SPACE = SearchSpace(
    name="small",
    resolution=(16, 24, 32),
    num_classes=3,
    stem=Stem(4, 3, 2),
    layers=(
        Slot(4, "w", (MBConv(3, 2), MBConv(5, 3)), 2),
        Slot("w", "w", (MBConv(3, 2), MBConv(5, 3), Skip())),
    ),
    head=Head(16),
    widths={"w": (4, 8)},
)
CHOICES = (1, 0, 1)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The file of a network of the space with other classes."""
    folder = tmp_path_factory.mktemp("seed")
    child = SPACE.child([*CHOICES, 2]).with_task(7)
    keras_network.build_child(child).save(folder / "child.keras")
    files.write_json(folder / "child.json", spec_json.to_dict(child))
    return str(folder / "child.keras")


def settings(**changes):
    preset = dataclasses.replace(presets.preset("tiny"), **changes)
    return Settings(preset, None, "local", 1, None, False, 0, 0)


def test_it_has_the_largest_resolution_that_meets_the_target(weights):
    macs = space_costs.macs_of(SPACE)
    costs = [macs.of([*CHOICES, i]) for i in range(3)]
    for target, resolution in (
        (costs[2], 32),
        (0.5 * (costs[1] + costs[2]), 24),
        (costs[0], 16),
        (0.0, 32),
    ):
        found = fixed_network.within(SPACE, macs, target, weights)
        assert SPACE.choices(found) == (*CHOICES, (16, 24, 32).index(resolution))
        assert (found.resolution, found.num_classes) == (resolution, 3)
    assert fixed_network.within(SPACE, macs, 0.9 * costs[0], weights) is None


def test_only_a_search_that_began_with_it_is_compared():
    assert fixed_network.is_compared(settings(init="imagenet"))
    for changes in ({}, {"init": "search"}, {"init": "imagenet", "child": "efficientnet_lite0"}):
        assert not fixed_network.is_compared(settings(**changes))


FIXED = {
    "name": "efficientnet_lite0",
    "resolution": 128,
    "predicted_latency_ms": 0.75,
    "measured_latency_ms": 0.77,
    "params": 3_400_000,
    "macs": 125_000_000,
    "test_accuracy": 0.85,
    "test_accuracy_tflite": 0.84,
}


@pytest.mark.parametrize(("accuracy", "said"), [(0.86, "+2.00 points\n"), (0.81, "-3.00 points;")])
def test_the_terminal_says_which_is_better(capsys, tmp_path, accuracy, said):
    summary = {
        "recipe": "int8",
        "target_latency_ms": 0.8,
        "predicted_latency_ms": 0.79,
        "measured_latency_ms": 0.8,
        "params": 3_000_000,
        "macs": 100_000_000,
        "test_accuracy": accuracy,
        "test_accuracy_by_recipe": {"int8": accuracy},
        "latency_ms_by_recipe": {"int8": 0.8},
        "size_bytes_by_recipe": {"int8": 3000},
        "stage_seconds": {"search": 1.0},
        "fixed_network": FIXED,
    }
    pipeline_summary.show(summary, tmp_path)
    printed = capsys.readouterr().out
    assert "efficientnet_lite0 at 128 pixels, trained alike: 84.00 % and 0.77 ms as int8" in printed
    assert said in printed
    assert ("take the other" in printed) == (accuracy < 0.84)


def test_the_report_draws_it_beside_the_network():
    run = types.SimpleNamespace(
        target_name="target",
        target_ms=0.8,
        predicted_ms=0.79,
        best_measured_ms=0.8,
        summary=types.SimpleNamespace(baseline=None, fixed_network=records.FixedNetwork(**FIXED)),
    )
    figure = latency_section._this_network(run)
    assert "efficientnet_lite0 at 128 pixels, trained and measured alike" in figure.caption
    names = [row[0] for row in figure.table.rows]
    assert names == ["target", "predicted", "measured", "efficientnet_lite0, 128 px"]
