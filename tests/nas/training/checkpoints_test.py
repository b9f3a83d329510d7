import errno
import json
import os
import resource

import keras
import pytest
import tensorflow as tf

from nas.training.checkpoints import RunState
from nas.training.diverging import Diverging


def run_state(directory, value, identity=None, report=None, classes=0):
    variable = tf.Variable(value)
    state = RunState(
        directory,
        {"x": variable},
        identity,
        report=report or (lambda line: None),
        diverging=Diverging(classes),
    )
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


def test_a_loss_that_grows_far_above_guessing_ends_the_run(tmp_path):
    state, variable = run_state(tmp_path, 0.0, classes=10)
    state.restore()
    state.on_epoch_end(0, {"loss": 1.0})
    variable.assign(1.0)
    # Guessing has 2.30; the lowest epoch had 1.0, so 5.61 is the most.
    with pytest.raises(ValueError, match="diverged in epoch 2: expected a loss of at most 5.61"):
        state.on_epoch_end(1, {"loss": 5.7})
    again, variable = run_state(tmp_path, 9.0)
    assert again.restore() == 1 and float(variable) == 0.0


def test_a_loss_is_judged_within_an_epoch_after_enough_steps(tmp_path):
    state, _, _ = in_steps(tmp_path, 1000, seconds_between=1e9, diverging=Diverging(10))
    state.restore()
    state.on_epoch_begin(0)
    for batch in range(99):
        state.on_train_batch_end(batch, {"loss": tf.constant(8.0)})
    with pytest.raises(ValueError, match="diverged in epoch 1: expected a loss of at most 6.91"):
        state.on_train_batch_end(99, {"loss": tf.constant(8.0)})


def test_checkpoints_of_another_run_are_dropped_with_a_word(tmp_path):
    epochs(tmp_path, 2, {"seed": 1, "child": {"a": 1}})
    told = []
    state, variable = run_state(tmp_path, 0.0, {"seed": 1, "child": {"a": 2}}, told.append)
    assert state.restore() == 0
    assert float(variable) == 0.0 and not state.rows
    assert len(told) == 1 and "another child" in told[0]


def damage(path, how):
    if how == "cut":
        path.write_bytes(path.read_bytes()[:-3])
    elif how == "flipped":
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 255
        path.write_bytes(content)
    else:
        path.unlink()


@pytest.mark.parametrize("part", ["data-00000-of-00001", "index"])
@pytest.mark.parametrize("how", ["cut", "flipped"])
def test_a_damaged_checkpoint_is_passed_over_with_a_word(part, how, tmp_path):
    epochs(tmp_path, 3)
    damage(tmp_path / f"checkpoints/ckpt-3.{part}", how)
    told = []
    state, variable = run_state(tmp_path, 0.0, report=told.append)
    assert state.restore() == 2 and float(variable) == 2.0
    assert (
        len(told) == 1 and "ckpt-3 is damaged" in told[0] and "trying the previous one" in told[0]
    )
    # The run continues as usual.
    variable.assign(3.0)
    state.on_epoch_end(2, {"loss": 0.3})
    again, variable = run_state(tmp_path, 0.0)
    assert again.restore() == 3 and float(variable) == 3.0


def test_a_checkpoint_without_its_data_and_a_damaged_list_of_them_are_survived(tmp_path):
    epochs(tmp_path, 3)
    damage(tmp_path / "checkpoints/ckpt-3.data-00000-of-00001", "removed")
    (tmp_path / "checkpoints/checkpoint").write_text("model_check")
    state, variable = run_state(tmp_path, 0.0)
    assert state.restore() == 2 and float(variable) == 2.0


def test_with_every_checkpoint_damaged_it_starts_over_with_fresh_variables(tmp_path):
    epochs(tmp_path, 3)
    for path in (tmp_path / "checkpoints").glob("*.index"):
        damage(path, "cut")
    told = []
    state, variable = run_state(tmp_path, 7.0, report=told.append)
    assert state.restore() == 0 and float(variable) == 7.0 and not state.rows
    assert len(told) == 3


def test_damaged_checkpoints_are_renamed_and_never_deleted(tmp_path):
    epochs(tmp_path, 2)
    folder = tmp_path / "checkpoints"
    for path in folder.glob("*.index"):
        damage(path, "cut")
    before = sorted(path.read_bytes() for path in folder.glob("ckpt-*"))
    epochs(tmp_path, 1)
    damage(folder / "ckpt-1.index", "cut")
    before = sorted([*before, *(path.read_bytes() for path in folder.glob("ckpt-*"))])
    state, _ = run_state(tmp_path, 0.0)
    assert state.restore() == 0
    kept = list(folder.glob("damaged-ckpt-*"))
    assert sorted(path.read_bytes() for path in kept) == before
    assert {path.name.split(".")[0] for path in kept} == {
        "damaged-ckpt-1",
        "damaged-ckpt-1-2",
        "damaged-ckpt-2",
    }


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.EMFILE, errno.ENOMEM])
def test_a_checkpoint_that_cannot_be_opened_stops_the_run_and_stays(number, tmp_path, monkeypatch):
    epochs(tmp_path, 2)
    before = sorted((tmp_path / "checkpoints").iterdir())
    opened = os.open

    def refuses(path, *rest, **more):
        if "ckpt-2" in os.fspath(path):
            raise OSError(number, os.strerror(number), path)
        return opened(path, *rest, **more)

    monkeypatch.setattr(os, "open", refuses)
    state, _ = run_state(tmp_path, 0.0)
    with pytest.raises(ValueError, match=f"ckpt-2.*{os.strerror(number)}.*nothing was changed"):
        state.restore()
    assert sorted((tmp_path / "checkpoints").iterdir()) == before
    monkeypatch.undo()
    assert state.restore() == 2


def test_a_pipe_in_place_of_a_checkpoint_is_not_waited_for(tmp_path):
    epochs(tmp_path, 1)
    path = tmp_path / "checkpoints/ckpt-1.index"
    path.unlink()
    os.mkfifo(path)
    state, _ = run_state(tmp_path, 0.0)
    with pytest.raises(ValueError, match="ckpt-1.index: expected .*received a named pipe"):
        state.restore()


def test_what_a_kill_left_is_removed_and_old_checkpoints_do_not_pile_up(tmp_path):
    state = epochs(tmp_path, 3)
    folder = tmp_path / "checkpoints"
    (folder / "checkpoint").unlink()
    (folder / "checkpoint.tmp0123abcd").write_text("half")
    (folder / "ckpt-9.data-00000-of-00001").write_text("half")
    (folder / "ckpt-4_temp").mkdir()
    (folder / "ckpt-4_temp" / "part-00000-of-00001.data").write_text("half")
    (folder / "notes.txt").write_text("of the user")
    state, variable = run_state(tmp_path, 0.0)
    assert state.restore() == 3 and float(variable) == 3.0
    assert not [p.name for p in folder.iterdir() if "tmp" in p.name or "temp" in p.name]
    for epoch in (3, 4):
        state.on_epoch_end(epoch, {"loss": 0.1})
    assert sorted(p.name for p in folder.glob("ckpt-*.index")) == [
        "ckpt-3.index",
        "ckpt-4.index",
        "ckpt-5.index",
    ]
    assert len(list(folder.glob("ckpt-*"))) == 6 and (folder / "notes.txt").exists()


def test_a_checkpoint_of_other_variables_stops_the_run(tmp_path):
    epochs(tmp_path, 1)
    state = RunState(tmp_path, {"x": tf.Variable([1.0, 2.0])}, None)
    with pytest.raises(ValueError, match="ckpt-1: expected the variables of this run"):
        state.restore()


def test_a_full_disk_is_told_by_the_name_of_the_checkpoint(tmp_path):
    state = epochs(tmp_path, 1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    state._write_rows = lambda rows: None
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(OSError, match="ckpt-2: expected to write a checkpoint.*make room"):
            state.on_epoch_end(1, {"loss": 0.1})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    again, variable = run_state(tmp_path, 0.0)
    assert again.restore() == 1 and float(variable) == 1.0


def in_steps(directory, steps_per_epoch=10, seconds_between=0.0, diverging=None):
    variable, mean = tf.Variable(0.0), keras.metrics.Mean()
    state = RunState(
        directory,
        {"x": variable},
        steps_per_epoch=steps_per_epoch,
        metrics=[mean],
        seconds_between=seconds_between,
        diverging=diverging,
    )
    return state, variable, mean


def test_a_run_goes_on_in_the_midst_of_an_epoch_with_its_averages(tmp_path):
    state, variable, mean = in_steps(tmp_path)
    assert state.restore() == 0
    state.on_epoch_begin(0)
    for batch in range(4):
        variable.assign_add(1.0)
        mean.update_state(float(batch))
        state.on_train_batch_end(batch, {"loss": tf.constant(1.0)})
    again, variable, mean = in_steps(tmp_path)
    assert again.restore() == 4 and float(variable) == 4.0
    mean.reset_state()  # `fit` does this.
    again.on_epoch_begin(0)
    mean.update_state(4.0)
    assert float(mean.result()) == 2.0


def test_not_finite_in_the_midst_of_an_epoch_ends_the_run_unsaved(tmp_path):
    state, variable, _ = in_steps(tmp_path)
    state.restore()
    state.on_epoch_begin(0)
    state.on_train_batch_end(0, {"loss": tf.constant(1.0)})
    variable.assign(float("nan"))
    with pytest.raises(ValueError, match="diverged in epoch 1.*lower the learning rate"):
        state.on_train_batch_end(1, {"loss": tf.constant(float("nan"))})
    again, variable, _ = in_steps(tmp_path)
    assert again.restore() == 1 and float(variable) == 0.0


def test_it_is_looked_at_now_and_then_even_when_nothing_is_due(tmp_path):
    state, _, _ = in_steps(tmp_path, 1000, seconds_between=1e9)
    state.restore()
    state.on_epoch_begin(0)
    with pytest.raises(ValueError, match="diverged"):
        for batch in range(200):
            state.on_train_batch_end(batch, {"loss": tf.constant(float("inf"))})
