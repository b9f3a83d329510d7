"""Each way a command line can end, and what it shows on the way."""

import functools
import io
import pathlib
import signal
import subprocess
import sys

import pytest

from tools.terminal import console

ROOT = pathlib.Path(__file__).resolve().parents[3]

TOOL = """
import os, signal, sys
from absl import flags
from tools.terminal import console
_DO = flags.DEFINE_string("do", "", "What to do.")

def main():
    console.say("working")
    if _DO.value == "value_error":
        raise ValueError("seed: expected a number, received 'x'")
    if _DO.value == "disk":
        open("/nonexistent/file")
    if _DO.value == "bug":
        raise RuntimeError("a bug")
    if _DO.value.startswith("SIG"):
        os.kill(os.getpid(), getattr(signal, _DO.value))
        import time
        time.sleep(60)
    if _DO.value == "pipe":
        for _ in range(100000):
            console.say("line")

console.run(main)
"""


@pytest.fixture
def tool(tmp_path):
    path = tmp_path / "tool.py"
    path.write_text(TOOL)

    def run(*arguments, **options):
        return subprocess.run(
            [sys.executable, str(path), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
            **options,
        )

    return run


def test_success_exits_0_with_nothing_on_stderr(tool):
    done = tool()
    assert (done.returncode, done.stdout, done.stderr) == (0, "working\n", "")


def test_a_value_error_is_one_line_and_exit_1(tool):
    done = tool("--do=value_error")
    assert done.returncode == 1
    assert done.stderr == "error: seed: expected a number, received 'x'\n"


def test_a_missing_file_is_one_line_that_names_it(tool):
    done = tool("--do=disk")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "/nonexistent/file" in done.stderr


def test_debug_shows_the_traceback_of_a_value_error(tool):
    done = tool("--do=value_error", "--debug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_a_bug_keeps_its_traceback(tool):
    done = tool("--do=bug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr and "a bug" in done.stderr


def test_an_unknown_flag_is_refused_by_name_without_running(tool):
    done = tool("--sed=1")
    assert done.returncode != 0
    assert "sed" in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_positional_argument_is_refused_without_running(tool):
    done = tool("quick")
    assert done.returncode == 1
    assert done.stderr == "error: unexpected argument 'quick': flags are written --name=value\n"
    assert done.stdout == ""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_with_130_and_one_line(tool, name):
    # Tests that run under `nohup` ignore SIGHUP, and so would the tool.
    heard = functools.partial(signal.signal, getattr(signal, name), signal.SIG_DFL)
    done = tool(f"--do={name}", preexec_fn=heard if name == "SIGHUP" else None)
    assert done.returncode == console.STOPPED
    assert done.stderr == "\nstopped; run the same command again to resume\n"


def test_output_into_a_closed_pipe_makes_no_noise(tmp_path):
    path = tmp_path / "tool.py"
    path.write_text(TOOL)
    process = subprocess.Popen(
        [sys.executable, str(path), "--do=pipe"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )
    process.stdout.readline()
    process.stdout.close()
    stderr = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 1
    assert stderr == b""


def test_importing_tensorflow_in_a_tool_prints_nothing():
    code = "import tools, tensorflow as tf; tf.constant(1) + 1; print(tf.__name__)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=ROOT
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "tensorflow\n", "")


def test_keras_imports_nothing_in_a_tool_that_only_others_need():
    code = """
import sys, tools, keras, tensorflow
print([name for name in ("sklearn", "matplotlib") if name in sys.modules])
import sklearn, matplotlib.figure
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=ROOT
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.42, "0.4 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (3599.7, "1 h 0 min"),
        (7500, "2 h 5 min"),
    ],
)
def test_durations_are_written_as_people_say_them(seconds, text):
    assert console.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.037812, "0.0378"),
        (78.24, "78.2"),
        (999.7, "1000"),
        (4752.0, "4752"),
        (10_000, "10k"),
        (999_700, "1000k"),
        (2_314_567, "2.31M"),
        (3.2e9, "3.2G"),
        (2.2e17, "2.2e+17"),
        (0.0, "0"),
    ],
)
def test_numbers_are_written_in_few_characters(value, text):
    assert console.compact(value) == text


def test_a_note_stays_between_the_lines_of_progress(capsys, monkeypatch):
    with console.Progress(total=2, label="blocks") as bar:
        bar.note("half of them")
    first, last = capsys.readouterr().err.splitlines()
    assert first == "  half of them" and last.startswith("  blocks: 0/2 in ")
    monkeypatch.setattr(sys, "stderr", _Terminal())
    with console.Progress(total=2, label="blocks") as bar:
        bar.note("half of them")
    assert "\r  half of them\n" in sys.stderr.getvalue()


def test_a_table_aligns_text_left_and_numbers_right():
    rows = [["float32", 1234567, 0.71234], ["int8", None, 12.5]]
    assert console.table(["recipe", "bytes", "accuracy"], rows).splitlines() == [
        "recipe       bytes  accuracy",
        "-------  ---------  --------",
        "float32  1,234,567    0.7123",
        "int8             -      12.5",
    ]


def test_a_table_without_rows_is_its_headers():
    assert console.table(["a", "bc"], []) == "a  bc\n-  --"


def test_a_table_refuses_a_short_row():
    with pytest.raises(ValueError, match="expected 2 cells"):
        console.table(["a", "b"], [[1]])


def test_progress_yields_every_item_and_sums_up_where_there_is_no_terminal(capsys):
    assert list(console.progress([3, 1, 2], label="blocks", unit="runs")) == [3, 1, 2]
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "  blocks: 3/3 runs in 0.0 s\n"


def test_progress_without_a_terminal_says_how_much_time_is_left(capsys, monkeypatch):
    monkeypatch.setattr(console, "_SECONDS_BETWEEN_LINES", 0.0)
    with console.Progress(total=4, label="blocks") as bar:
        bar.update(2, loss=1.25)
    first, last = capsys.readouterr().err.splitlines()
    assert first == "  blocks: 2/4, 0.0 s left, loss 1.25"
    assert last == "  blocks: 2/4 in 0.0 s, loss 1.25"


def test_progress_without_a_terminal_is_silent_between_its_lines(capsys):
    bar = console.Progress(total=1000)
    for _ in range(1000):
        bar.update()
    assert capsys.readouterr().err == ""


def test_progress_that_failed_does_not_claim_an_end(capsys):
    with pytest.raises(ZeroDivisionError), console.Progress(total=4) as bar:
        bar.update(1 // 0)
    assert capsys.readouterr().err == ""


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_on_a_terminal_is_a_bar_with_time_left_and_values(monkeypatch):
    monkeypatch.setattr(sys, "stderr", _Terminal())
    with console.Progress(total=4, label="blocks", unit="runs", initial=1) as bar:
        bar.update(3, loss=0.5)
    text = sys.stderr.getvalue()
    assert "blocks  25%" in text
    assert "100%" in text
    assert "4/4 runs, 0.0 s left, loss 0.5" in text


def test_signal_numbers_become_the_shells_exit_code():
    assert console.STOPPED == 128 + signal.SIGINT
