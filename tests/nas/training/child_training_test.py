import dataclasses
import json
import shutil

import kept_networks
import keras
import numpy as np
import pytest
import tensorflow as tf
from interrupts import CtrlCAt, InterruptAt

from nas.architecture import counting
from nas.architecture.blocks import Block, Head, Stem
from nas.architecture.operations import MBConv, Skip
from nas.architecture.specs import Child
from nas.data import batching, loading
from nas.training import child_training
from nas.training.train_config import TrainConfig

CHILD = Child(
    "small",
    28,
    10,
    Stem(4, 3, 2),
    (Block(MBConv(3, 2), 4, 8, 2), Block(Skip(), 8, 8)),
    Head(16, dropout=0.3),
    1,
)
CONFIG = TrainConfig(epochs=3, batch_size=20, learning_rate=0.1, warmup_epochs=0.5)
STEPS = 5


class LogsAtBatches(keras.callbacks.Callback):
    """Keeps the logs of every batch."""

    def __init__(self):
        super().__init__()
        self.logs = []

    def on_train_batch_end(self, batch, logs=None):
        self.logs.append(logs)


@pytest.fixture(scope="module", autouse=True)
def kept():
    """Equal trainings share a traced network, whose variables are reset before each training."""
    with kept_networks.kept():
        yield


@pytest.fixture(scope="module")
def dataset(fashion_data_dir):
    return loading.load(
        "fashion_mnist", fashion_data_dir, validation_size=40, max_train_examples=70
    )


@pytest.fixture(scope="module")
def uninterrupted(dataset, tmp_path_factory):
    directory = tmp_path_factory.mktemp("whole") / "train"
    return directory, child_training.train(CHILD, dataset, CONFIG, directory)


def test_an_interrupted_training_ends_as_an_uninterrupted_one(dataset, uninterrupted, tmp_path):
    whole, expected = uninterrupted
    with pytest.raises(KeyboardInterrupt):
        child_training.train(CHILD, dataset, CONFIG, tmp_path, callbacks=[InterruptAt(STEPS + 2)])
    # The state of the global random generator must not matter.
    keras.utils.set_random_seed(99)
    model = child_training.train(CHILD, dataset, CONFIG, tmp_path)
    assert (tmp_path / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()
    for ours, theirs in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_ctrl_c_in_the_midst_of_an_epoch_loses_no_step(dataset, uninterrupted, tmp_path):
    whole, expected = uninterrupted
    with pytest.raises(KeyboardInterrupt):
        child_training.train(CHILD, dataset, CONFIG, tmp_path, callbacks=[CtrlCAt(STEPS + 1)])
    # The run state is called before this callback, so it stops one batch later.
    counter = InterruptAt(1000)
    model = child_training.train(CHILD, dataset, CONFIG, tmp_path, callbacks=[counter])
    assert 1000 - counter.left == CONFIG.epochs * STEPS - (STEPS + 2)
    assert (tmp_path / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()
    for ours, theirs in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_an_extended_training_is_a_function_of_its_lengths_alone(dataset, uninterrupted, tmp_path):
    extended = dataclasses.replace(CONFIG, epochs=5, earlier_epochs=(3,))
    whole = child_training.train(CHILD, dataset, extended, tmp_path / "whole")
    path = shutil.copytree(uninterrupted[0], tmp_path / "extended")
    told = []
    with pytest.raises(KeyboardInterrupt):
        stopped = [InterruptAt(STEPS + 1)]
        child_training.train(CHILD, dataset, extended, path, stopped, told.append)
    counter = InterruptAt(1000)
    model = child_training.train(CHILD, dataset, extended, path, [counter], told.append)
    # It went on at the fourth epoch, and after the interruption at the fifth.
    assert not told and 1000 - counter.left == STEPS
    rows = (path / "metrics.jsonl").read_bytes()
    assert rows == (tmp_path / "whole/metrics.jsonl").read_bytes()
    assert rows.startswith((uninterrupted[0] / "metrics.jsonl").read_bytes())
    for ours, theirs in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_what_comes_back_is_stock_and_trained(uninterrupted, dataset):
    directory, model = uninterrupted
    assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}
    assert model.count_params() >= counting.num_params(CHILD)
    rows = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert rows[2]["loss"] < rows[0]["loss"]


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_training_in_16_bits_gives_a_float32_child(precision, dataset, tmp_path):
    config = dataclasses.replace(CONFIG, precision=precision, epochs=2)
    spy = LogsAtBatches()
    stock = child_training.train(CHILD, dataset, config, tmp_path, [spy])
    assert {layer.dtype_policy.name for layer in stock.layers} == {"float32"}
    # The trained layers compute in 16 bits, and their logits are float32.
    policies = {layer.name: layer.dtype_policy.name for layer in spy.model.layers}
    assert policies["stem_conv"] == policies["layer00_1_bn"] == precision
    assert policies["pool"] == policies["logits"] == "float32"
    rows = [json.loads(line) for line in open(tmp_path / "metrics.jsonl")]
    assert rows[1]["loss"] < rows[0]["loss"]
    # Checkpoints keep the loss scale too.
    optimizer = spy.model.optimizer
    is_scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    assert is_scaled == (precision == "mixed_float16")
    stored = tf.train.list_variables(tf.train.latest_checkpoint(tmp_path / "checkpoints"))
    names = [name for name, _ in stored if name.startswith("optimizer_")]
    assert len(names) == len(optimizer.variables) > len(spy.model.trainable_variables)


def test_a_training_compiled_by_xla_is_the_same_training(dataset, tmp_path):
    child = dataclasses.replace(CHILD, layers=(Block(MBConv(3, 1), 4, 8, 2),), head=Head(16))
    config = dataclasses.replace(CONFIG, epochs=1)
    compiled = dataclasses.replace(config, jit_compile=True)
    spy = LogsAtBatches()
    ours = child_training.train(child, dataset, compiled, tmp_path / "compiled", [spy])
    assert spy.model.jit_compile is True
    theirs = child_training.train(child, dataset, config, tmp_path / "plain")
    for left, right in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-3, atol=1e-4)


def test_no_metric_is_fetched_within_an_epoch(dataset, tmp_path):
    spy = LogsAtBatches()
    # With this callback, stock `fit` would wait for every metric after every batch.
    callbacks = [keras.callbacks.TensorBoard(str(tmp_path / "tensorboard")), spy]
    child_training.train(CHILD, dataset, dataclasses.replace(CONFIG, epochs=1), tmp_path, callbacks)
    assert len(spy.logs) == STEPS
    assert all(tf.is_tensor(value) for logs in spy.logs for value in logs.values())
    assert set(spy.logs[0]) == {"loss", "accuracy"}


def test_accuracy_is_the_fraction_labelled_correctly(uninterrupted, dataset, monkeypatch):
    _, model = uninterrupted
    images = batching.to_float(dataset.test.images)
    correct = np.argmax(model.predict(images, verbose=0), axis=1) == dataset.test.labels
    monkeypatch.setattr(child_training, "_EVALUATED_AT_ONCE", 70)  # The last batch is smaller.
    found = child_training.evaluate(model, dataset.test)
    assert found == pytest.approx(correct.mean(), abs=1e-6)
    # What takes long is shown.
    monkeypatch.setattr(child_training, "_MOST_UNSEEN", 2)
    shown = []

    def track(batches, total, label):
        shown.append((total, label))
        return batches

    classes = child_training.predicted_classes(model, dataset.test, track)
    assert np.mean(classes == dataset.test.labels) == pytest.approx(found)
    count = len(dataset.test)
    assert shown == [(-(-count // 70), f"evaluating {count:,} images")]


def test_training_that_diverges_says_so(dataset, tmp_path):
    config = TrainConfig(epochs=2, batch_size=20, learning_rate=1e30)
    with pytest.raises(ValueError, match="diverged in epoch 1: .*finite.*lower the learning rate"):
        child_training.train(CHILD, dataset, config, tmp_path)


@pytest.mark.parametrize("task", [(3, 28, 1), (10, 32, 1), (10, 28, 3)])
def test_a_network_for_other_images_is_refused_before_any_work(task, dataset, tmp_path):
    with pytest.raises(ValueError, match="small: expected 10 classes"):
        child_training.train(CHILD.with_task(*task), dataset, CONFIG, tmp_path / "train")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["epochs", "batch_size"])
def test_settings_that_cannot_be_are_refused(name):
    with pytest.raises(ValueError, match=f"{name}: expected at least 1, received 0"):
        TrainConfig(**{name: 0})


def test_learning_rate_grows_then_falls_to_zero():
    optimizer = child_training._optimizer(
        TrainConfig(epochs=4, learning_rate=0.2, warmup_epochs=1), 10
    )
    rates = []
    for step in (0, 5, 10, 25, 40):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    np.testing.assert_allclose(rates, [0, 0.1, 0.2, 0.1, 0], atol=1e-7)


def test_the_rate_of_an_extended_training_is_that_of_the_length_known_at_each_step():
    made = [TrainConfig(epochs=count, learning_rate=0.2, warmup_epochs=1) for count in (4, 12)]
    both = dataclasses.replace(made[1], earlier_epochs=(4,))
    first, second, extended = (child_training._optimizer(config, 10) for config in (*made, both))
    for step in (0, 5, 10, 39, 40, 41, 80, 119, 120):
        for optimizer in (first, second, extended):
            optimizer.iterations.assign(step)
        known = first if step < 40 else second
        assert float(extended.learning_rate) == float(known.learning_rate)


@pytest.mark.parametrize("earlier", [(0,), (3, 3), (2, 1), (5,), (9,)])
def test_the_lengths_of_an_extended_training_increase(earlier):
    with pytest.raises(ValueError, match="earlier_epochs: expected increasing numbers"):
        TrainConfig(epochs=5, earlier_epochs=earlier)
