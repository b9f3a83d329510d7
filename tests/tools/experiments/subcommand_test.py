import os

import pytest

from tools.experiments import subcommand


def test_a_failure_is_told_with_its_last_line_and_where_the_others_are(tmp_path):
    log = tmp_path / "deep/search.log"
    arguments = ["--space=huge", f"--workdir={tmp_path}/w"]
    with pytest.raises(ValueError, match=r"tools.search ended with 1: error: space: .*see .*log"):
        subcommand.run("search", arguments, log)
    assert "expected one of" in log.read_text()


def test_time_and_memory_are_counted(fashion_data_dir, tmp_path):
    arguments = ["--dataset=fashion_mnist", f"--data_dir={fashion_data_dir}"]
    used = subcommand.run("prepare_data", arguments, tmp_path / "data.log")
    assert used.seconds > 0 and used.cpu_seconds > 0 and used.peak_mib > 1
    assert "already" in (tmp_path / "data.log").read_text()


def prepare(data_dir, log):
    arguments = ["--dataset=fashion_mnist", f"--data_dir={data_dir}"]
    return subcommand.Command("prepare_data", arguments, log)


def test_side_by_side_each_has_its_share_of_the_cores(fashion_data_dir, tmp_path, monkeypatch):
    cores = os.sched_getaffinity(0)
    shares = []
    popen = subcommand.subprocess.Popen

    def watched(*arguments, **options):
        shares.append(os.sched_getaffinity(0))
        return popen(*arguments, **options)

    monkeypatch.setattr(subcommand.subprocess, "Popen", watched)
    count = len(cores) + 1
    logs = [tmp_path / f"{number}.log" for number in range(count)]
    used = subcommand.run_side_by_side([prepare(fashion_data_dir, log) for log in logs])
    assert len(used) == count and all(usage.peak_mib > 1 for usage in used)
    assert all("already" in log.read_text() for log in logs)
    # As many as there are cores, one each; the last alone, on all of them or on one.
    assert set.union(*shares[: len(cores)]) == cores
    assert all(len(share) == 1 for share in shares[: len(cores)])
    assert os.sched_getaffinity(0) == cores


BAD = """
import pathlib, sys, time
while not pathlib.Path("slow.pid").exists():
    time.sleep(0.01)
sys.exit("no such luck")
"""
SLOW = """
import os, pathlib, time
pathlib.Path("new.pid").write_text(str(os.getpid()))
pathlib.Path("new.pid").rename("slow.pid")
time.sleep(600)
"""


def test_when_one_of_several_fails_the_others_are_stopped(tmp_path, monkeypatch):
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/bad.py").write_text(BAD)
    (tmp_path / "tools/slow.py").write_text(SLOW)
    monkeypatch.setattr(subcommand, "_ROOT", tmp_path)
    core = min(os.sched_getaffinity(0))
    monkeypatch.setattr(subcommand, "_cores", lambda: [core, core])
    commands = [subcommand.Command(tool, [], tmp_path / f"{tool}.log") for tool in ("bad", "slow")]
    with pytest.raises(ValueError, match=r"tools.bad ended with 1: no such luck \(see .*bad.log"):
        subcommand.run_side_by_side(commands)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "slow.pid").read_text()), 0)
