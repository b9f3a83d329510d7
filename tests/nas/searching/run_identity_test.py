"""Tests which checkpoints a run resumes from."""

import json

import pytest
import tensorflow as tf

from nas.training import checkpoints


def run(directory, identity, epochs, told=None):
    """Adds 1 to a variable in every epoch; returns its value and the number of epochs restored."""
    value = tf.Variable(0.0)
    report = (lambda line: None) if told is None else told.append
    state = checkpoints.RunState(directory, {"value": value}, identity, report=report)
    found = state.restore()
    for epoch in range(found, epochs):
        value.assign_add(1.0)
        state.on_epoch_end(epoch, {"loss": float(value)})
    return float(value), found


def test_the_same_run_goes_on_and_says_nothing(tmp_path):
    told = []
    assert run(tmp_path, {"seed": 0}, 2, told) == (2.0, 0)
    assert run(tmp_path, {"seed": 0}, 3, told) == (3.0, 2)
    assert told == []
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert rows == [{"epoch": i, "loss": float(i)} for i in (1, 2, 3)]


def test_another_run_starts_over_and_names_what_is_different(tmp_path):
    told = []
    run(tmp_path, {"child": [1, 2], "settings": {"seed": 0}}, 3)
    assert run(tmp_path, {"child": [2, 2], "settings": {"seed": 0}}, 1, told) == (1.0, 0)
    (line,) = told
    assert "of a run with another child; starting over" in line
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 1
    assert len(list((tmp_path / "checkpoints").glob("*.index"))) == 1


def of_epochs(*epochs, **others):
    *earlier, now = epochs
    settings = {"epochs": now, **({"earlier_epochs": earlier} if earlier else {}), **others}
    return {"child": [1, 2], "settings": settings}


def test_a_run_that_extends_another_goes_on_and_is_then_itself(tmp_path):
    told = []
    assert run(tmp_path, of_epochs(2), 2, told) == (2.0, 0)
    # Two extensions, the first of which was killed before its first step.
    assert run(tmp_path, of_epochs(2, 3, 5), 4, told) == (4.0, 2)
    assert run(tmp_path, of_epochs(2, 3, 5), 5, told) == (5.0, 4)
    assert told == []
    for other in (of_epochs(5), of_epochs(2, 3), of_epochs(3, 5, 6), of_epochs(2, 3, 5, 6, seed=1)):
        step, reason = checkpoints.newest_checkpoint(tmp_path, other)
        assert (step, reason) == (5, "its checkpoints are of a run with another settings")
    assert checkpoints.newest_checkpoint(tmp_path, of_epochs(2, 3, 5, 6)) == (5, None)


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"seed"'])
@pytest.mark.parametrize("name", ["metrics.jsonl", "checkpoints/run.json"])
def test_a_lost_file_stops_the_run_and_costs_no_checkpoint(tmp_path, name, content):
    run(tmp_path, {"seed": 0}, 2)
    path = tmp_path / name
    whole = path.read_bytes()
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    before = sorted((tmp_path / "checkpoints").glob("ckpt-*"))
    with pytest.raises(ValueError, match=f"{path.name}.*expected .*received|found none") as caught:
        run(tmp_path, {"seed": 0}, 1)
    assert "checkpoints" in str(caught.value) and "put a whole copy back" in str(caught.value)
    assert sorted((tmp_path / "checkpoints").glob("ckpt-*")) == before
    path.write_bytes(whole)
    assert run(tmp_path, {"seed": 0}, 0) == (2.0, 2)


def test_other_files_of_the_run_have_a_say(tmp_path):
    run(tmp_path, {}, 2)
    state = checkpoints.RunState(tmp_path, {"value": tf.Variable(0.0)}, {})
    asked = []
    with pytest.raises(ValueError, match="expected the rows of 2 epochs, received fewer"):
        state.restore(lambda epochs: asked.append(epochs) or False)
    assert asked == [2]


def test_the_newest_checkpoint_is_the_one_a_run_would_restore_and_no_file_changes(tmp_path):
    assert checkpoints.newest_checkpoint(tmp_path, {"seed": 0}) == (0, None)
    run(tmp_path, {"seed": 0}, 3)
    # The newest checkpoint is damaged, so the one before it is restored.
    (tmp_path / "checkpoints/ckpt-3.index").write_bytes(b"nothing")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert checkpoints.newest_checkpoint(tmp_path, {"seed": 0}) == (2, None)
    step, reason = checkpoints.newest_checkpoint(tmp_path, {"seed": 1})
    assert step == 2 and reason == "its checkpoints are of a run with another seed"
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert run(tmp_path, {"seed": 0}, 2) == (2.0, 2)
