"""What a run shows while it works: its lines on a terminal, and its curves."""

import io
import os
import sys
import termios

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.custom_scalar import layout_pb2

from nas.architecture import spaces
from nas.choices.candidate_costs import Latencies
from nas.data.splits.dataset import Dataset
from nas.data.splits.memory_split import MemorySplit
from nas.searching import search
from nas.searching.search_config import SearchConfig
from nas.training import callback_list
from tools.terminal import console, notation, search_progress
from tools.workflow import curves

SPACE = spaces.SPACES["tiny"].with_task(3, 8)
LATENCIES = Latencies([np.array(ms) for ms in ([2.0, 5.0], [1.0, 6.0], [3.0, 7.0, 0.0])], 1.0)
# Three weight steps an epoch.
CONFIG = SearchConfig(epochs=2, warmup_epochs=1, batch_size=8, target=9.5, arch_period=1)


class Terminal(io.StringIO):
    """A terminal of 80 columns that keeps everything it ever showed."""

    def __init__(self):
        super().__init__()
        self._ends = os.openpty()
        termios.tcsetwinsize(self._ends[1], (24, 80))

    def isatty(self):
        return True

    def fileno(self):
        return self._ends[1]

    @property
    def drawn(self):
        lines = self.getvalue().replace("\r", "\n").split("\n")
        return [line.rstrip() for line in lines if line.strip()]


@pytest.fixture(scope="module")
def dataset():
    rng = np.random.default_rng(0)

    def split(name, count):
        images = rng.integers(0, 255, (count, 8, 8, 3)).astype(np.uint8)
        return MemorySplit(images, np.arange(count) % 3, name, np.arange(count))

    return Dataset("noise", ("a", "b", "c"), split("train", 24), split("train", 12), split("t", 12))


@pytest.fixture(scope="module")
def searched(dataset, tmp_path_factory):
    """What a terminal showed of a search when every step is drawn, and the folder it wrote."""
    path = tmp_path_factory.mktemp("searched")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", Terminal())
        patch.setattr(search_progress.fit_progress, "_SECONDS_BETWEEN_UPDATES", 0.0)
        patch.setattr(console, "_SECONDS_BETWEEN_DRAWINGS", 0.0)
        progress = search_progress.SearchProgress(CONFIG.target)
        drawn = curves.Curves(path / "tensorboard", CONFIG.target)
        search.search(SPACE, dataset, LATENCIES, CONFIG, path, [progress, drawn])
        return sys.stderr.drawn, path


@pytest.fixture(scope="module")
def shown(searched):
    return searched[0]


def test_every_line_fits_a_terminal_of_80_columns(shown):
    assert max(map(len, shown)) <= 80


def test_the_bar_has_time_left_latency_against_the_target_and_entropy(shown):
    bars = [line for line in shown if " left, at " in line]
    assert len(bars) >= 6
    assert all(" of 9.5 ms, entropy 0." in line for line in bars)


def test_what_the_warm_up_does_not_measure_is_not_shown(shown):
    first_epoch = shown[: [i for i, line in enumerate(shown) if "epoch 1/3:" in line][0] + 1]
    assert len(first_epoch) > 3
    assert "epoch 1/3: loss " in first_epoch[-1]
    for word in ("valid", "entropy", " at "):
        assert not any(word in line for line in first_epoch)


def test_an_epoch_leaves_its_numbers_and_the_most_probable_network(shown):
    stay = [line for line in shown if "% " not in line[:14]]
    for epoch in ("2/3", "3/3"):
        (i,) = [i for i, line in enumerate(stay) if line.startswith(f"  epoch {epoch}: ")]
        assert " of 9.5 ms (mean " in stay[i]
        assert "validation " in stay[i] and " entropy " in stay[i]
        assert set(stay[i + 1].split()) <= {"k3e1", "k5e3", "-"}
        assert len(stay[i + 1].split()) == 3


def test_the_largest_space_is_written_in_few_characters():
    space = spaces.SPACES["proxyless_imagenet"]
    text = notation.network(space, [len(slot.candidates) - 1 for slot in space.slots])
    assert len(text.split()) == 21
    assert text.startswith("k7e6 - - - k7e6")


def plain(name="plain", epochs=1, first_step=0, callbacks=()):
    """A `fit` of a model that is no supernet, two steps an epoch, as a run makes it."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)], name=name)
    model.compile(optimizer="sgd", loss="mse", metrics=["accuracy"])
    data = tf.data.Dataset.from_tensors((np.zeros((2, 2)), np.ones((2, 1)))).repeat()
    listed = callback_list.LazyCallbackList(callbacks, model, epochs, 2, first_step)
    epoch, step = divmod(first_step, 2)
    model.fit(
        data,
        initial_epoch=epoch,
        epochs=epochs,
        steps_per_epoch=2 - step,
        verbose=0,
        callbacks=listed,
    )


def test_without_probabilities_there_is_no_network(capsys):
    plain(epochs=2, callbacks=[search_progress.SearchProgress(CONFIG.target)])
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == ["  epoch 1/2", "  epoch 2/2"]
    assert lines[1].endswith(", training accuracy 0.0 %")
    assert len(lines) == 3 and "entropy" not in lines[2]


def points(folder):
    """Step and value of every point of every curve, by tag."""
    events = event_accumulator.EventAccumulator(str(folder), {"tensors": 0}).Reload()
    return {
        tag: [(e.step, tf.make_ndarray(e.tensor_proto)[()]) for e in events.Tensors(tag)]
        for tag in events.Tags()["tensors"]
    }


CANDIDATES = {f"slot_00/{op}" for op in ("k3e1", "k5e3")}
CANDIDATES |= {f"slot_01/{op}" for op in ("k3e1", "k5e3")}
CANDIDATES |= {f"slot_02/{op}" for op in ("k3e1", "k5e3", "skip")}


def test_curves_hold_probabilities_entropy_and_latency_beside_the_target(searched):
    found = points(searched[1] / "tensorboard/tiny_supernet")
    assert {tag for tag in found if tag.startswith("slot_")} == CANDIDATES
    with np.load(searched[1] / "alphas.npz") as stored:
        logits = stored["alphas"][-1]
    p = np.exp(logits) / np.nansum(np.exp(logits), axis=1, keepdims=True)
    last = [found[tag][-1][1] for tag in sorted(CANDIDATES)]
    np.testing.assert_allclose(last, p[~np.isnan(p)], rtol=1e-4)
    for tag in ("entropy", "expected_latency_ms", "most_probable_latency_ms", "slot_00/k3e1"):
        assert {step for step, _ in found[tag]} == set(range(1, 10)), tag
    assert {value for _, value in found["target_latency_ms"]} == {9.5}
    assert [step for step, _ in found["loss"]] == [3, 6, 9]
    # Nothing is validated in the warm-up.
    assert [step for step, _ in found["validation_accuracy"]] == [6, 9]


def test_one_picture_has_all_candidates_of_a_slot(searched):
    found = points(searched[1] / "tensorboard/tiny_supernet")
    ((_, content),) = found["custom_scalars__config__"]
    of_target, of_slots = layout_pb2.Layout.FromString(content).category
    (latency,) = of_target.chart
    assert {tag.strip("^$") for tag in latency.multiline.tag} <= set(found)
    drawn = [{tag.strip("^$") for tag in chart.multiline.tag} for chart in of_slots.chart]
    assert [len(tags) for tags in drawn] == [2, 2, 3]
    assert set().union(*drawn) == CANDIDATES


def test_curves_of_a_run_that_goes_on_join_and_a_new_run_starts_new_ones(tmp_path):
    def steps():
        return [step for step, _ in points(tmp_path / "plain")["loss"]]

    plain(epochs=2, callbacks=[curves.Curves(tmp_path)])
    assert steps() == [2, 4]
    plain(epochs=4, first_step=5, callbacks=[curves.Curves(tmp_path)])
    assert steps() == [2, 4, 6, 8]
    plain(epochs=1, callbacks=[curves.Curves(tmp_path)])
    assert steps() == [2]


def test_every_network_has_curves_of_its_own(tmp_path):
    for name in ("random_0", "random_1"):
        plain(name, callbacks=[curves.Curves(tmp_path)])
    assert {path.name for path in tmp_path.iterdir()} == {"random_0", "random_1"}
    assert set(points(tmp_path / "random_1")) == {"loss", "accuracy", "time/steps_per_second"}
