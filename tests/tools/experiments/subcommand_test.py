"""Commands as processes, with stand-ins for the tools: real ones import TensorFlow first.

`tests/tools/compare_search_test.py` runs real ones this way.
"""

import os

import pytest

from tools.experiments import subcommand

# Refuses its flags as a tool does, after a line that is not the last.
HARD_TO_PLEASE = """
import sys
print("looking at", sys.argv[1:])
sys.exit("error: space: expected one of tiny, cifar")
"""
BUSY = """
import sys
numbers = sum(i * i for i in range(200_000))
print("worked with", *sys.argv[1:])
"""


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """Writes a stand-in: `tools.<name>` with this source."""
    (tmp_path / "tools").mkdir()
    monkeypatch.setattr(subcommand, "_ROOT", tmp_path)
    return lambda name, source: (tmp_path / f"tools/{name}.py").write_text(source)


def test_a_failure_is_told_with_its_last_line_and_where_the_others_are(tools, tmp_path):
    tools("search", HARD_TO_PLEASE)
    log = tmp_path / "deep/search.log"
    arguments = ["--space=huge", f"--workdir={tmp_path}/w"]
    with pytest.raises(ValueError, match=r"tools.search ended with 1: error: space: .*see .*log"):
        subcommand.run("search", arguments, log)
    assert f"looking at {arguments}" in log.read_text()
    assert "expected one of" in log.read_text()


def test_time_and_memory_are_counted(tools, tmp_path):
    tools("busy", BUSY)
    used = subcommand.run("busy", ["--a=1", "--b=2"], tmp_path / "busy.log")
    assert used.seconds > 0 and used.cpu_seconds > 0 and used.peak_mib > 1
    assert (tmp_path / "busy.log").read_text() == "worked with --a=1 --b=2\n"


def test_side_by_side_each_has_its_share_of_the_cores(tools, tmp_path, monkeypatch):
    tools("busy", BUSY)
    cores = os.sched_getaffinity(0)
    shares = []
    popen = subcommand.subprocess.Popen

    def watched(*arguments, **options):
        shares.append(os.sched_getaffinity(0))
        return popen(*arguments, **options)

    monkeypatch.setattr(subcommand.subprocess, "Popen", watched)
    count = len(cores) + 1
    logs = [tmp_path / f"{number}.log" for number in range(count)]
    asked = [subcommand.Command("busy", [log.name], log) for log in logs]
    used = subcommand.run_side_by_side(asked)
    assert len(used) == count and all(usage.peak_mib > 1 for usage in used)
    assert all(log.read_text() == f"worked with {log.name}\n" for log in logs)
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


def test_when_one_of_several_fails_the_others_are_stopped(tools, tmp_path, monkeypatch):
    tools("bad", BAD)
    tools("slow", SLOW)
    core = min(os.sched_getaffinity(0))
    monkeypatch.setattr(subcommand, "_cores", lambda: [core, core])
    commands = [subcommand.Command(tool, [], tmp_path / f"{tool}.log") for tool in ("bad", "slow")]
    with pytest.raises(ValueError, match=r"tools.bad ended with 1: no such luck \(see .*bad.log"):
        subcommand.run_side_by_side(commands)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "slow.pid").read_text()), 0)
