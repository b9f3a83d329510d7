import dataclasses
import json
import shutil
import types

import kept_networks
import keras
import numpy as np
import pytest
import tensorflow as tf
from interrupts import CtrlCAt, InterruptAt

from nas.architecture.blocks import Head, Slot, Stem
from nas.architecture.operations import MBConv, Skip
from nas.architecture.specs import SearchSpace
from nas.choices.candidate_costs import Latencies
from nas.data import batching, loading
from nas.distribution import hosts
from nas.layers import loss_scale
from nas.searching import algorithms, learning_rates, paired_batches, search
from nas.searching.search_config import SearchConfig
from nas.supernet import supernet

SPACE = SearchSpace(
    name="small",
    resolution=28,
    num_classes=10,
    stem=Stem(4, 3, 2),
    layers=(
        Slot(4, 4, (MBConv(3, 1), MBConv(5, 2), Skip())),
        Slot(4, 8, (MBConv(3, 1), Skip()), 2),
    ),
    head=Head(8),
    input_channels=1,
)
LATENCIES = Latencies([np.array([2.0, 6.0, 0.0]), np.array([3.0, 1.0])], 1.0)
CONFIG = SearchConfig(
    epochs=2,
    warmup_epochs=1,
    batch_size=16,
    target=6.0,
    arch_learning_rate=0.05,
    arch_period=2,
)
STEPS = 4


@pytest.fixture(scope="module", autouse=True)
def kept():
    """Equal searches share a traced network, whose variables are reset before each search."""
    with kept_networks.kept():
        yield


@pytest.fixture(scope="module")
def dataset(fashion_data_dir):
    return loading.load(
        "fashion_mnist", fashion_data_dir, validation_size=40, max_train_examples=70
    )


@pytest.fixture(scope="module")
def uninterrupted(dataset, tmp_path_factory):
    directory = tmp_path_factory.mktemp("whole") / "search"
    return directory, search.search(SPACE, dataset, LATENCIES, CONFIG, directory)


def test_a_search_leaves_its_metrics_and_alphas(uninterrupted):
    directory, result = uninterrupted
    rows = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    # The warm-up uses no validation images.
    assert "validation_loss" not in rows[0] and rows[1]["validation_loss"] > 0
    with np.load(directory / "alphas.npz") as stored:
        alphas = stored["alphas"]
    assert alphas.shape == (3, 2, 3)
    np.testing.assert_array_equal(np.isnan(alphas[0]), [[0, 0, 0], [0, 0, 1]])
    fresh = supernet.Supernet(SPACE, CONFIG.seed)
    np.testing.assert_array_equal(alphas[0], np.where(fresh.mask, fresh.alpha, np.nan))
    assert np.nanmax(np.abs(alphas[1] - alphas[0])) > 0.01
    exponents = np.exp(alphas[2])
    p = exponents / np.nansum(exponents, axis=1, keepdims=True)
    np.testing.assert_allclose(result.probabilities, p, rtol=1e-5)
    assert result.predicted_cost == LATENCIES.of(result.choices) == 6.0


@pytest.mark.parametrize("batches", [STEPS + 2, 2 * STEPS + 1])
def test_an_interrupted_search_ends_as_an_uninterrupted_one(
    batches, dataset, uninterrupted, tmp_path
):
    whole, expected = uninterrupted
    arguments = (SPACE, dataset, LATENCIES, CONFIG, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        search.search(*arguments, callbacks=[InterruptAt(batches)])
    told = []
    counter = InterruptAt(1000)
    result = search.search(*arguments, callbacks=[counter], report=told.append)
    # Only unfinished epochs were repeated.
    assert 1000 - counter.left == 3 * STEPS - (batches // STEPS) * STEPS
    assert not told
    assert (tmp_path / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()
    with np.load(tmp_path / "alphas.npz") as ours, np.load(whole / "alphas.npz") as theirs:
        np.testing.assert_array_equal(ours["alphas"], theirs["alphas"])
    np.testing.assert_array_equal(result.probabilities, expected.probabilities)
    assert result.choices == expected.choices


def test_an_extended_search_is_a_function_of_its_lengths_alone(dataset, uninterrupted, tmp_path):
    extended = dataclasses.replace(CONFIG, epochs=4, earlier_epochs=(2,))
    rest = dataset, LATENCIES, extended
    expected = search.search(SPACE, *rest, tmp_path / "whole")
    path = shutil.copytree(uninterrupted[0], tmp_path / "extended")
    told = []
    with pytest.raises(KeyboardInterrupt):
        search.search(SPACE, *rest, path, [InterruptAt(STEPS + 1)], told.append)
    counter = InterruptAt(1000)
    result = search.search(SPACE, *rest, path, [counter], told.append)
    assert not told and 1000 - counter.left == STEPS
    for name in ("metrics.jsonl", "alphas.npz"):
        assert (path / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    rows = (path / "metrics.jsonl").read_bytes()
    assert rows.startswith((uninterrupted[0] / "metrics.jsonl").read_bytes())
    np.testing.assert_array_equal(result.probabilities, expected.probabilities)
    assert result.choices == expected.choices


@pytest.mark.parametrize(
    "settings", [{"derive": "estimate"}, {"finalists": 2}, {"algorithm": "random"}]
)
def test_a_search_whose_end_depends_on_its_length_is_not_extended(settings):
    with pytest.raises(ValueError, match="epochs: expected 2 as before, .*cannot be extended"):
        SearchConfig(epochs=4, earlier_epochs=(2,), **settings)


@pytest.mark.parametrize("batches", [1, STEPS, STEPS + 3, 3 * STEPS - 1])
def test_ctrl_c_ends_the_step_and_every_step_is_kept(batches, dataset, uninterrupted, tmp_path):
    whole, expected = uninterrupted
    arguments = (SPACE, dataset, LATENCIES, CONFIG, tmp_path)
    asked = CtrlCAt(batches)
    with pytest.raises(KeyboardInterrupt):
        search.search(*arguments, callbacks=[asked])
    # The run state is called before this callback, so it stops one batch later.
    made = batches + (1 if batches % STEPS else 0)
    counter = InterruptAt(1000)
    result = search.search(*arguments, callbacks=[counter])
    assert 1000 - counter.left == 3 * STEPS - made
    assert (tmp_path / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()
    np.testing.assert_array_equal(result.probabilities, expected.probabilities)


def test_step_counts_of_candidates_and_the_loss_scale_are_resumed_too(
    dataset, tmp_path, monkeypatch
):
    """AdamW's bias correction uses the step counts, and the loss scale is one of the metrics."""
    monkeypatch.setattr(loss_scale, "GROWTH_STEPS", 7)
    config = dataclasses.replace(
        CONFIG, optimizer="adamw", learning_rate=0.01, precision="mixed_float16"
    )
    rest = dataset, LATENCIES, config
    search.search(SPACE, *rest, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        search.search(SPACE, *rest, tmp_path / "part", callbacks=[InterruptAt(STEPS + 2)])
    search.search(SPACE, *rest, tmp_path / "part")
    for name in ("metrics.jsonl", "alphas.npz"):
        ours, theirs = ((tmp_path / part / name).read_bytes() for part in ("part", "whole"))
        assert ours == theirs
    rows = [json.loads(line) for line in open(tmp_path / "whole/metrics.jsonl")]
    # 4 weight steps per epoch, and 2 architecture steps after the first epoch; all are counted.
    assert [row["loss_scale"] / loss_scale.INITIAL_SCALE for row in rows] == [1, 2, 4]


def test_no_metric_is_fetched_within_an_epoch(dataset, tmp_path):
    received = []

    class Spy(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            received.append(logs)

    # With this callback, stock `fit` would wait for every metric after every batch.
    callbacks = [keras.callbacks.TensorBoard(str(tmp_path / "tensorboard")), Spy()]
    search.search(SPACE, dataset, LATENCIES, CONFIG, tmp_path, callbacks)
    assert len(received) == 3 * STEPS
    assert all(tf.is_tensor(value) for logs in received for value in logs.values())
    assert {"loss", "validation_loss", "entropy"} < set(received[-1])


def test_a_resumed_stream_goes_on_where_the_first_would_be(dataset):
    def numbers(first, count):
        pairs = (
            paired_batches.paired_batches(dataset, CONFIG, first).take(count).as_numpy_iterator()
        )
        return [(x.sum(), len(v), v.sum()) for (x, _), (v, _) in pairs]

    whole = numbers(0, 12)
    assert [count for _, count, _ in whole] == [0, 0, 0, 0] + [16, 0] * 4
    for first in (3, 4, 5, 8):
        assert numbers(first, 12 - first) == whole[first:]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"space": SPACE.with_task(3)}, "expected 10 classes.*received 3"),
        ({"space": SPACE.with_task(10, 32)}, r"\(28, 28, 1\).*\(32, 32, 1\)"),
        ({"latencies": None}, "latency model"),
        ({"latencies": Latencies([np.arange(3.0)], 5.0)}, r"\[3, 2\] .*received \[3\]"),
        ({"config": SearchConfig(batch_size=41)}, "batch_size: expected 1 to 40"),
        ({"config": SearchConfig(batch_size=8, target=99.0)}, "between 2 and 10 ms"),
        ({"config": SearchConfig(batch_size=8, algorithm="magic")}, "'magic'"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_work(change, message, dataset, tmp_path):
    arguments = {"space": SPACE, "latencies": LATENCIES, "config": CONFIG} | change
    with pytest.raises(ValueError, match=message):
        search.search(dataset=dataset, directory=tmp_path / "search", **arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["epochs", "batch_size", "arch_period"])
def test_settings_that_cannot_be_are_refused(name):
    with pytest.raises(ValueError, match=f"{name}: expected at least 1, received 0"):
        SearchConfig(**{name: 0})


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="precision: expected one of float32, .*'half'"):
        SearchConfig(precision="half")


@pytest.mark.parametrize(("asked", "used"), [(0.0, None), (0.5, 0.5)])
def test_gradients_of_weight_steps_are_shortened_to_the_norm_asked_for(asked, used, dataset):
    config = dataclasses.replace(CONFIG, clip_norm=asked)
    task, algorithm = search.prepare(SPACE, dataset, LATENCIES, config, hosts.Distribution())
    net = search.build_supernet(SPACE, config, task.latencies, STEPS, algorithm)
    assert net.optimizer.global_clipnorm == used
    assert net.path_optimizer.optimizer is net.optimizer
    assert ("clip_norm" in config.identity) == bool(asked)


def test_learning_rate_is_two_cosines():
    schedule = learning_rates.TwoCosines(CONFIG, STEPS)
    assert float(schedule(0)) == pytest.approx(CONFIG.warmup_learning_rate)
    assert float(schedule(STEPS)) == pytest.approx(CONFIG.learning_rate)
    assert float(schedule(2 * STEPS)) == pytest.approx(CONFIG.learning_rate / 2)
    assert float(schedule(3 * STEPS)) == pytest.approx(0.0, abs=1e-8)


def chosen(probabilities, config):
    """The child that an algorithm with learned probabilities chooses."""
    task = types.SimpleNamespace(config=config, latencies=LATENCIES)
    net = types.SimpleNamespace(probabilities=probabilities)
    return algorithms.SupernetAlgorithm(config).choose(task, net)


@pytest.mark.parametrize(
    ("target", "is_limit", "expected_ms"),
    [
        (8.0, False, 8.0),  # The argmax takes 10 ms; (1, 1) takes 8.
        (9.8, False, 10.0),  # The argmax is within 3 %.
        (9.8, True, 6.0),  # A limit is never exceeded; (0, 0) is more probable than (1, 1).
        (7.0, False, 6.0),  # None is within 3, 6 or 12 %; the more probable one within 24 %.
        (1.0, False, 2.0),  # The nearest latency of any child.
    ],
)
def test_the_child_keeps_to_a_target_or_a_limit(target, is_limit, expected_ms):
    # Latencies are 2 to 10 ms: 1 + (2, 6, 0) + (3, 1).
    p = np.array([[0.3, 0.6, 0.1], [0.7, 0.3, np.nan]])
    choices = chosen(p, SearchConfig(target=target, is_limit=is_limit))
    assert LATENCIES.of(choices) == expected_ms


def test_penalties_leave_the_argmax_alone():
    p = np.array([[0.3, 0.6, 0.1], [0.7, 0.3, np.nan]])
    assert chosen(p, SearchConfig(target=5.0, objective="add_linear")) == (1, 0)


def test_shares_of_pairs_are_slices_and_empty_where_the_pair_is(dataset):
    def pairs(count, share):
        stream = paired_batches.paired_batches(dataset, CONFIG, 3, share=share)
        return [pair for pair, _ in zip(stream.as_numpy_iterator(), range(count), strict=False)]

    whole, slices = pairs(6, batching.WHOLE), pairs(12, batching.Share(0, 2, 2))
    for step, expected in enumerate(whole):
        halves = zip(*map(tf.nest.flatten, slices[2 * step : 2 * step + 2]), strict=True)
        for both, value in zip(halves, tf.nest.flatten(expected), strict=True):
            np.testing.assert_array_equal(np.concatenate(both), value)
    assert [len(pair[1][1]) for pair in whole] == [0, 16, 0, 16, 0, 16]
