"""Owning, binding and resuming a work dir."""

import json
import os
import pathlib
import signal
import subprocess
import sys

import pytest

from tools.workflow.workdir import WorkDir

ROOT = pathlib.Path(__file__).resolve().parents[3]

OWNER = """
import sys, time
from tools.workflow.workdir import WorkDir
with WorkDir(sys.argv[1], {"seed": 0}):
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def owner(tmp_path):
    """Another process that owns the work dir `tmp_path`."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout.readline() == b"ready\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_owner_is_refused_with_the_pid_of_the_first(tmp_path, owner):
    with pytest.raises(BlockingIOError, match=f"in use by process {owner.pid}:"):
        WorkDir(tmp_path, {"seed": 0}).__enter__()


def test_inspect_names_the_owner_and_changes_nothing(tmp_path, owner):
    before = {path: path.stat().st_mtime_ns for path in (tmp_path, *tmp_path.iterdir())}
    assert WorkDir(tmp_path, {"seed": 0}).inspect() == str(owner.pid)
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path, *tmp_path.iterdir())}
    assert WorkDir(tmp_path / "new", {"seed": 0}).inspect() is None
    assert not (tmp_path / "new").exists()


def test_inspect_refuses_what_entering_would_refuse(tmp_path):
    with WorkDir(tmp_path, {"seed": 0}):
        pass
    assert WorkDir(tmp_path, {"seed": 0}).inspect() is None
    with pytest.raises(ValueError, match="seed: was 0, now 1"):
        WorkDir(tmp_path, {"seed": 1}).inspect()
    with pytest.raises(ValueError, match="the work dir of tools.pipeline"):
        WorkDir(tmp_path, {"seed": 0}, command="search", apart_from=["pipeline"]).inspect()


def test_the_lock_ends_with_its_killed_owner(tmp_path, owner):
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    with WorkDir(tmp_path, {"seed": 0}):
        assert (tmp_path / ".lock").read_text() == f"{os.getpid()}\n"


def test_leaving_gives_the_folder_back(tmp_path):
    for _ in range(2):
        with WorkDir(tmp_path / "deep" / "run", {"seed": 0}):
            pass
    with pytest.raises(KeyError), WorkDir(tmp_path / "deep" / "run", {"seed": 0}):
        raise KeyError("in the body")
    with WorkDir(tmp_path / "deep" / "run", {"seed": 0}):
        pass


def test_a_refused_config_gives_the_folder_back(tmp_path):
    with WorkDir(tmp_path, {"seed": 0}):
        pass
    with pytest.raises(ValueError):
        WorkDir(tmp_path, {"seed": 1}).__enter__()
    with WorkDir(tmp_path, {"seed": 0}):
        pass


def test_config_json_holds_the_flags_and_where_they_came_from(tmp_path):
    with WorkDir(tmp_path, {"seed": 0, "recipes": ("float32", "int8")}, command="search"):
        pass
    record = json.loads((tmp_path / "config.json").read_text())
    assert record["schema_version"] == 1
    assert record["search"] == {"seed": 0, "recipes": ["float32", "int8"]}
    assert record["provenance"]["libraries"]["keras"]


def test_every_difference_is_named_and_the_file_is_left_alone(tmp_path):
    with WorkDir(tmp_path, {"seed": 0, "space": "tiny", "old": None, "rate": 0.1}):
        pass
    before = (tmp_path / "config.json").read_bytes()
    with pytest.raises(ValueError) as error:
        WorkDir(tmp_path, {"seed": 1, "space": "cifar", "new": True, "rate": 0.1}).__enter__()
    message = str(error.value)
    assert (
        "new: was not given, now true; old: was null, now not given; seed: was 0, now 1; "
        'space: was "tiny", now "cifar"'
    ) in message
    assert "rate" not in message
    assert "another --workdir" in message
    assert (tmp_path / "config.json").read_bytes() == before


def test_equal_flags_are_accepted_as_tuples_or_lists(tmp_path):
    with WorkDir(tmp_path, {"recipes": ("int8",)}):
        pass
    with WorkDir(tmp_path, {"recipes": ["int8"]}):
        pass


def test_free_keys_may_change(tmp_path):
    with WorkDir(tmp_path, {"seed": 0, "debug": False}, free=["debug"]):
        pass
    with WorkDir(tmp_path, {"seed": 0, "debug": True}, free=["debug"]):
        pass


def test_commands_that_share_a_folder_keep_flags_and_stages_of_their_own(tmp_path):
    with WorkDir(tmp_path, {"epochs": 1}, command="search") as workdir:
        workdir.mark("all", 1.0)
    with WorkDir(tmp_path, {"epochs": 2}, command="train") as workdir:
        assert not workdir.finished("all")
        workdir.mark("all", 2.0)
    with WorkDir(tmp_path, {"epochs": 1}, command="search") as workdir:
        assert workdir.stage_seconds == {"all": 1.0}


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, pathlib.Path("x")])
def test_a_value_json_does_not_have_is_refused_by_its_key(tmp_path, value):
    with pytest.raises(ValueError, match="rate: expected a value that JSON has"):
        WorkDir(tmp_path, {"rate": value})


def test_a_config_of_another_version_is_refused_by_name(tmp_path):
    (tmp_path / "config.json").write_text('{"schema_version": 99}')
    with pytest.raises(ValueError, match="config.json: schema_version: expected 1, received 99"):
        WorkDir(tmp_path, {}).__enter__()


@pytest.fixture
def workdir(tmp_path):
    with WorkDir(tmp_path, {"seed": 0}) as workdir:
        yield workdir


def test_a_finished_stage_is_not_repeated_by_the_next_command(tmp_path):
    runs = []
    for _ in range(2):
        with WorkDir(tmp_path, {"seed": 0}) as workdir:
            workdir.stage("data", lambda: runs.append("data"))
    assert runs == ["data"]


def test_a_stage_writes_what_it_promises(workdir):
    with pytest.raises(ValueError, match="stage search: expected it to write .*child.json"):
        workdir.stage("search", lambda: None, outputs=["child.json"])
    assert not workdir.finished("search")


def test_a_stage_whose_output_is_gone_runs_again(workdir):
    output = workdir.path / "child.json"
    assert workdir.stage("search", output.touch, outputs=["child.json"])
    assert not workdir.stage("search", output.touch, outputs=["child.json"])
    output.unlink()
    assert not workdir.finished("search")
    assert workdir.stage("search", output.touch, outputs=["child.json"])


def test_what_came_after_a_repeated_stage_is_repeated_too(workdir):
    output = workdir.path / "child.json"
    workdir.stage("data", lambda: None)
    workdir.stage("search", output.touch, outputs=["child.json"])
    workdir.stage("train", lambda: None)
    output.unlink()
    workdir.stage("search", output.touch, outputs=["child.json"])
    assert workdir.finished("data")
    assert not workdir.finished("train")


def test_a_stopped_stage_runs_again_and_its_earlier_seconds_count(workdir, monkeypatch):
    clock = iter([0.0, 100.0, 1000.0, 1050.0])
    monkeypatch.setattr("tools.workflow.workdir.time.monotonic", lambda: next(clock))

    def stopped():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        workdir.stage("train", stopped)
    assert not workdir.finished("train")
    assert workdir.stage_seconds == {}
    assert workdir.stage("train", lambda: None)
    assert workdir.stage_seconds == {"train": 150.0}


def test_seconds_stand_in_the_order_of_the_stages(workdir):
    workdir.mark("search", 1.23456)
    workdir.mark("export", 2)
    assert list(workdir.stage_seconds.items()) == [("search", 1.235), ("export", 2)]


def test_a_stage_runs_again_when_an_input_changed_or_went(tmp_path):
    ran = []
    with WorkDir(tmp_path, {}) as workdir:
        (tmp_path / "child.json").write_text("one")

        def train():
            return workdir.stage("train", lambda: ran.append(1), inputs=["child.json"])

        assert [train(), train()] == [True, False]
        (tmp_path / "child.json").write_text("another")
        assert [train(), train()] == [True, False]
        (tmp_path / "child.json").unlink()
        assert train()
    assert len(ran) == 3


def test_a_folder_of_a_command_that_writes_the_same_files_is_refused(tmp_path):
    with WorkDir(tmp_path, {}, command="pipeline"):
        pass
    with pytest.raises(ValueError, match="work dir of tools.pipeline.*choose another --workdir"):
        WorkDir(tmp_path, {}, command="search", apart_from=["pipeline"]).__enter__()
    with WorkDir(tmp_path, {}, command="export"):
        pass


def test_independent_stages_outlive_one_that_is_done_again(tmp_path):
    for independent, ran in ((False, ["a", "b", "c", "a", "b", "c"]), (True, ["a", "b", "c", "a"])):
        done = []
        path = tmp_path / str(independent)
        with WorkDir(path, {}, independent=independent) as owned:

            def run(name, path=path, done=done):
                done.append(name)
                (path / name).touch()

            for _ in range(2):
                for name in "abc":
                    owned.stage(name, lambda name=name: run(name), [name])
                (path / "a").unlink(missing_ok=True)
        assert done == ran


def test_a_stage_that_is_to_read_another_file_runs_again(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    with WorkDir(tmp_path, {}) as owned:
        assert owned.stage("measure", lambda: None, inputs=["a"])
        assert not owned.stage("measure", lambda: None, inputs=["a"])
        assert owned.stage("measure", lambda: None, inputs=["a", "b"])
        assert owned.finished("measure") and not owned.finished("measure", ["a"])
        assert not owned.stage("measure", lambda: None, inputs=["b", "a"])


def test_a_nested_difference_is_named_by_its_place_and_words_for_people_are_not_compared(tmp_path):
    old = {"preset": {"description": "a test", "search": {"epochs": 2, "seed": 0}}, "seed": 0}
    with WorkDir(tmp_path, old):
        pass
    new = {"preset": {"description": "other words", "search": {"epochs": 3}}, "seed": 0}
    with pytest.raises(ValueError) as refused, WorkDir(tmp_path, new):
        pass
    assert "search_epochs: was 2, now 3; seed: was 0, now not" in str(refused.value)
    assert "description" not in str(refused.value)
    with WorkDir(tmp_path, {**old, "preset": {**old["preset"], "description": "other words"}}):
        pass


def test_a_replaceable_setting_may_change_and_is_recorded(tmp_path):
    def at(recipes, seed=0):
        config = {"preset": {"recipes": recipes}, "seed": seed}
        return WorkDir(tmp_path, config, replaceable={"preset.recipes": None})

    with at(["int8"]) as owned:
        (tmp_path / "a").write_text("")
        assert owned.stage("export", lambda: None, ["a"])
    with at(["int8", "float32"]) as owned:
        # A stage that is to write a file more runs again.
        assert not owned.finished("export", outputs=["a", "b"])
        assert owned.stage("export", lambda: (tmp_path / "b").write_text(""), ["a", "b"])
    recorded = json.loads((tmp_path / "config.json").read_text())["pipeline"]
    assert recorded["preset"]["recipes"] == ["int8", "float32"]
    with pytest.raises(ValueError, match="seed: was 0, now 1") as refused, at(["x"], seed=1):
        pass
    assert "recipes" not in str(refused.value)
