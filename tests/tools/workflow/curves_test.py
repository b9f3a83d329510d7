"""Names of curves and charts of a space with widths and resolutions; and a full disk."""

import resource
import types

import keras
import made_wide_workdir
import numpy as np
import pytest

from tools.workflow import curves

SPACE = made_wide_workdir.space()


class _Supernet(types.SimpleNamespace):
    """What curves read of a supernet."""

    space = SPACE
    latencies = types.SimpleNamespace(quantity="latency_ms")

    @property
    def probabilities(self):
        counts = np.array(SPACE.option_counts)
        filled = np.arange(counts.max()) < counts[:, None]
        return np.where(filled, 1.0 / counts[:, None], np.nan)


def _sizes():
    widths = {f"width_{k}/{number}" for k, numbers in SPACE.widths.items() for number in numbers}
    return widths | {"resolution/48", "resolution/64"}


def test_every_option_of_every_decision_has_a_curve(tmp_path):
    drawn = curves.Curves(tmp_path, target=2.0)
    drawn._model = _Supernet()
    found = drawn._architecture({"entropy": 1.0})
    assert len(found) == 2 + sum(SPACE.option_counts)
    assert {tag for tag in found if not tag.startswith(("slot_", "ent", "tar"))} == _sizes()
    assert found["slot_00/k5_e6_se0.25_hard_swish"] == 1 / 5
    assert found["width_w3/160"] == 1 / 5 and found["resolution/64"] == 1 / 2


def test_one_chart_has_all_options_of_a_width_or_of_the_resolution():
    target, slots, sizes = curves._layout(_Supernet()).category
    assert [len(category.chart) for category in (target, slots, sizes)] == [1, 6, 5]
    assert slots.chart[0].title == "slot 0: 8 -> w1"
    assert [chart.title for chart in sizes.chart] == [
        "width w1",
        "width w2",
        "width w3",
        "width w4",
        "resolution",
    ]
    tags = {tag.strip("^$") for chart in sizes.chart for tag in chart.multiline.tag}
    assert {tag.replace("\\", "") for tag in tags} == _sizes()


@pytest.mark.parametrize("most_bytes", [0, 200])
def test_a_full_disk_names_the_folder_and_the_same_command_goes_on(most_bytes, tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)], name="small")
    model.compile("sgd", "mse")

    def fit():
        drawn = curves.Curves(tmp_path / "tensorboard")
        model.fit(np.ones((4, 2)), np.ones((4, 1)), 2, epochs=3, verbose=0, callbacks=[drawn])

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, before[1]))
    try:
        with pytest.raises(OSError) as caught:
            fit()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    told = str(caught.value)
    assert told.startswith(f"{tmp_path}/tensorboard: expected to write curves for TensorBoard")
    assert "make room" in told and "--notensorboard" in told
    fit()
    assert len(list((tmp_path / "tensorboard/small").glob("events.*"))) == 1
