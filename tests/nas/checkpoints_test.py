import json

import pytest
import tensorflow as tf

from nas.checkpoints import RunState


def run_state(directory, value, identity=None, report=None):
    variable = tf.Variable(value)
    state = RunState(directory, {"x": variable}, identity, report=report or (lambda line: None))
    return state, variable


def epochs(directory, count, identity=None):
    state, variable = run_state(directory, 0.0, identity)
    assert state.restore() == 0
    for epoch in range(count):
        variable.assign(float(epoch + 1))
        state.on_epoch_end(epoch, {"loss": 1.0 / (epoch + 1)})
    return state


def test_a_run_takes_its_epochs_and_variables_back(tmp_path):
    epochs(tmp_path, 3, {"seed": 1})
    state, variable = run_state(tmp_path, 0.0, {"seed": 1})
    assert state.restore() == 3
    assert float(variable) == 3.0
    assert state.rows[2] == {"epoch": 3, "loss": 0.333333}


def test_rows_written_after_the_last_checkpoint_are_dropped(tmp_path):
    state = epochs(tmp_path, 2)
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write(json.dumps({"epoch": 3, "loss": 0.1}) + "\n")
    state, _ = run_state(tmp_path, 0.0)
    assert state.restore() == 2
    assert [row["epoch"] for row in state.rows] == [1, 2]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_metrics_that_are_not_finite_end_the_run_and_keep_the_last_state(value, tmp_path):
    state = epochs(tmp_path, 1)
    with pytest.raises(ValueError, match="diverged in epoch 2: expected finite.*lower the learn"):
        state.on_epoch_end(1, {"loss": value})
    again, variable = run_state(tmp_path, 0.0)
    assert again.restore() == 1 and float(variable) == 1.0


def test_checkpoints_of_another_run_are_dropped_with_a_word(tmp_path):
    epochs(tmp_path, 2, {"seed": 1, "child": {"a": 1}})
    told = []
    state, variable = run_state(tmp_path, 0.0, {"seed": 1, "child": {"a": 2}}, told.append)
    assert state.restore() == 0
    assert float(variable) == 0.0 and not state.rows
    assert len(told) == 1 and "another child" in told[0]


def test_an_incomplete_run_starts_over(tmp_path):
    epochs(tmp_path, 2)
    (tmp_path / "metrics.jsonl").unlink()
    told = []
    state, _ = run_state(tmp_path, 0.0, report=told.append)
    assert state.restore() == 0 and "missing" in told[0]
    epochs(tmp_path / "other", 2)
    state, _ = run_state(tmp_path / "other", 0.0)
    assert state.restore(complete=lambda count: count != 2) == 0
