"""The progress line of real fits."""

import keras
import numpy as np
import pytest

from tools.terminal import console, fit_progress


@pytest.fixture
def fit():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse", metrics=["mae"])
    x, y = np.zeros((8, 2)), np.ones((8, 1))

    def run(callback, **options):
        model.fit(x, y, batch_size=2, verbose=0, callbacks=[callback], **options)

    return run


def test_a_fit_ends_with_one_line_of_steps_epoch_and_metrics(fit, capsys):
    fit(
        fit_progress.ProgressCallback("training"), epochs=2, validation_data=(np.zeros((2, 2)),) * 2
    )
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("  training: 8/8 steps in ")
    assert "epoch 2/2" in line
    assert {"loss", "mae", "val_loss", "val_mae"} <= set(line.replace(",", "").split())


def test_only_the_chosen_metrics_are_shown(fit, capsys):
    fit(fit_progress.ProgressCallback(metrics=["mae"]), epochs=1)
    line = capsys.readouterr().err
    assert "mae" in line and "loss" not in line


def test_metrics_are_read_only_when_the_line_is_shown_again(monkeypatch):
    class Metric:
        reads = 0

        def __float__(self):
            self.reads += 1
            return 1.0

    metric, callback = Metric(), fit_progress.ProgressCallback()
    callback.set_params({"epochs": 1, "steps": 9})
    monkeypatch.setattr(fit_progress.time, "monotonic", lambda: 100.0)
    callback.on_epoch_begin(0)
    for batch in range(9):
        callback.on_train_batch_end(batch, {"loss": metric})
    assert metric.reads == 1
    callback.close()


def test_training_that_goes_on_starts_where_it_was(fit, capsys, monkeypatch):
    monkeypatch.setattr(fit_progress, "_SECONDS_BETWEEN_UPDATES", 0.0)
    monkeypatch.setattr(console, "_SECONDS_BETWEEN_LINES", 0.0)
    fit(fit_progress.ProgressCallback(), initial_epoch=2, epochs=3)
    lines = capsys.readouterr().err.splitlines()
    counts = [int(line.split("/")[0].split()[-1]) for line in lines]
    assert counts == sorted(counts)
    assert counts[0] >= 9 and counts[-1] == 12
    assert all("epoch 3/3" in line for line in lines)


def test_a_second_fit_with_the_same_callback_has_a_line_of_its_own(fit, capsys):
    callback = fit_progress.ProgressCallback()
    fit(callback, epochs=1)
    fit(callback, epochs=1)
    assert capsys.readouterr().err.count("4/4 steps") == 2


def test_steps_are_counted_where_the_number_of_batches_is_unknown(capsys):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")

    def batches():
        for _ in range(5):
            yield np.zeros((2, 2)), np.zeros((2, 1))

    model.fit(
        batches(),
        steps_per_epoch=None,
        shuffle=False,
        epochs=1,
        verbose=0,
        callbacks=[fit_progress.ProgressCallback()],
    )
    assert "5 steps in" in capsys.readouterr().err
