"""The shell scripts for people: on a test phone, and beside a stub of adb where things go wrong."""

import os
import pathlib
import signal
import subprocess

import phones
import pytest

from latency_models.devices.android import benchmark_output, phone_state
from latency_models.measuring import block_benchmarks, parts
from nas.architecture import spaces

integration = pytest.mark.integration
SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "tools" / "adb"

# Notes what it is asked for, fails where the test says so, and knows two cores.
STUB = """#!/bin/sh
asked=$(printf '%s' "$*" | tr '\\n' ' ')
printf '%s\\n' "$asked" >>"$ADB_LOG"
case "$*" in
  $ADB_FAILS) echo "adb: device 'A1B2' not found" >&2; exit "$ADB_CODE" ;;
  $ADB_HANGS) exec sleep 100 ;;
  *"cd /sys"*) printf "${ADB_CORES-0 1800000\\r\\n1 2400000\\r\\n}" ;;
  get-state) echo device ;;
esac
"""
TIDIED = "shell rm -rf /data/local/tmp/proxylessnas_by_hand"
GONE = "adb: device 'A1B2' not found\n"


def run(phone, name, *arguments):
    return subprocess.run(
        [SCRIPTS / name, *map(str, arguments)],
        env={**os.environ, "ANDROID_SERIAL": phone.serial},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


@integration
def test_a_model_is_timed_by_hand(phone, program, tmp_path):
    model = tmp_path / "my model.tflite"
    child = spaces.SPACES["tiny"].child([0, 0, 0])
    model.write_bytes(block_benchmarks.write(parts.stem_part(child), "float32"))
    done = run(phone, "benchmark.sh", model, program, "--num_runs=7", "--min_secs=0")
    assert done.returncode == 0, done.stderr
    assert benchmark_output.parse(done.stdout + done.stderr).count == 7
    assert phone.files() == []
    done = run(phone, "benchmark.sh", model, program, "--flag=it's; exit 3")
    assert "WARN: Unconsumed cmdline flags: --flag=it's; exit 3" in done.stderr
    done = run(phone, "benchmark.sh", "none.tflite", program)
    assert (done.returncode, done.stderr.split(":")[0]) == (2, "usage")


@integration
def test_the_fastest_cores_are_those_the_benchmark_takes(phone):
    cores = phone_state.parse_cores(phone.shell(phone_state.CORES_SCRIPT))
    chosen = phone_state.big_cores(cores, 1)
    done = run(phone, "big_cores.sh")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == (phone_state.mask(chosen) if chosen else "")


@integration
def test_the_phone_is_described(phone):
    done = run(phone, "phone.sh")
    assert done.returncode == 0, done.stderr
    for words in (
        f"ro.product.model           Phone {phone.port}",
        "kHz at most, schedutil",
        "thermal status: 0 (0: nothing is throttled)",
        "cpu1 47.25 C",
    ):
        assert words in done.stdout
    assert "99.0" not in done.stdout


@integration
def test_what_was_left_is_tidied_up(phone):
    phone.shell(
        "cd /data/local/tmp; mkdir proxylessnas; echo 4 >proxylessnas/stay_on_before;"
        "settings put global stay_on_while_plugged_in 15"
    )
    done = run(phone, "tidy.sh")
    assert done.returncode == 0, done.stderr
    assert phone.files() == []
    assert "cmd power set-fixed-performance-mode-enabled false" in phone.calls()
    assert phone.shell("settings get global stay_on_while_plugged_in").strip() == "4"
    phone.shell("settings delete global stay_on_while_plugged_in")


@pytest.fixture
def stub(tmp_path):
    """Runs a script where `adb` is the stub; gives what became of it and what adb was asked for."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "adb").write_text(STUB)
    (tmp_path / "bin" / "adb").chmod(0o755)
    for name in ("child.tflite", "benchmark_model"):
        (tmp_path / name).write_text("")
    return Stub(tmp_path)


class Stub:
    """A folder with the stub, a model and a program."""

    def __init__(self, folder):
        self.log = folder / "log"
        self._folder = folder

    @property
    def asked(self):
        return self.log.read_text().splitlines() if self.log.exists() else []

    def start(self, name, *arguments, fails="-", code=1, hangs="-"):
        changed = {"ADB_LOG": self.log, "ADB_FAILS": fails, "ADB_CODE": code, "ADB_HANGS": hangs}
        path = f"{self._folder}/bin:{os.environ['PATH']}"
        return subprocess.Popen(
            [SCRIPTS / name, *arguments],
            cwd=self._folder,
            env={**os.environ, "PATH": path, **{k: str(v) for k, v in changed.items()}},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # A shell cannot trap what it was started to ignore, as from a job in the background.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def run(self, name, *arguments, **options):
        process = self.start(name, *arguments, **options)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(name, process.returncode, out, err)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("child.tflite",),
        ("none.tflite", "benchmark_model"),
        ("child.tflite", "none"),
        (".", "."),
    ],
)
def test_missing_files_are_answered_with_the_usage_and_no_phone_is_asked(stub, arguments):
    done = stub.run("benchmark.sh", *arguments)
    assert done.returncode == 2
    assert done.stderr == (
        f"usage: {SCRIPTS}/benchmark.sh MODEL.tflite BENCHMARK_MODEL [--flag=value ...]\n"
    )
    assert stub.asked == []


@pytest.mark.parametrize("name", ["benchmark.sh", "big_cores.sh", "phone.sh", "tidy.sh"])
def test_without_a_phone_adb_says_so_and_nothing_else_is_tried(stub, name):
    arguments = ("child.tflite", "benchmark_model") if name == "benchmark.sh" else ()
    done = stub.run(name, *arguments, fails="get-state")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", GONE)
    assert stub.asked == ["get-state"]


@pytest.mark.parametrize("name", ["benchmark.sh", "big_cores.sh", "phone.sh", "tidy.sh"])
def test_without_adb_the_shell_says_so(stub, tmp_path, name, monkeypatch):
    (tmp_path / "bin" / "adb").unlink()
    monkeypatch.setenv("PATH", "/nowhere")
    for program in ("sh", "dirname"):
        (tmp_path / "bin" / program).symlink_to(f"/bin/{program}")
    arguments = ("child.tflite", "benchmark_model") if name == "benchmark.sh" else ()
    done = stub.run(name, *arguments)
    assert (done.returncode, done.stdout) == (127, "")
    assert "adb: not found" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("fails", "last"),
    [
        ("shell mkdir*", "shell mkdir"),
        ("push benchmark_model*", "push benchmark_model"),
        ("push child.tflite*", "push child.tflite"),
        ("shell chmod*", "shell chmod"),
        ("shell cd /sys*", "shell cd /sys"),
    ],
)
def test_a_phone_lost_before_the_run_ends_it_with_adbs_words(stub, fails, last):
    done = stub.run("benchmark.sh", "child.tflite", "benchmark_model", fails=fails, code=255)
    assert (done.returncode, done.stdout, done.stderr) == (255, "", GONE)
    # The phone may be back: what was put there is removed.
    assert stub.asked[-1] == TIDIED
    assert stub.asked[-2].startswith(last)


def test_a_run_that_fails_gives_its_exit_status_and_is_tidied_up(stub):
    arguments = ("child.tflite", "benchmark_model", "--num_runs=7")
    done = stub.run("benchmark.sh", *arguments, fails="shell taskset *", code=3)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("on the phone: taskset 2 ") and done.stderr.endswith(GONE)
    *_, asked, last = stub.asked
    assert last == TIDIED
    folder = "/data/local/tmp/proxylessnas_by_hand"
    assert asked.split() == [
        *f"shell taskset 2 {folder}/benchmark_model --graph={folder}/model.tflite".split(),
        *("'--num_runs=7'", "'--num_threads=1'", "'--warmup_runs=10'"),
    ]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_is_tidied_up(stub, stop):
    process = stub.start("benchmark.sh", "child.tflite", "benchmark_model", hangs="*--graph=*")
    phones.wait_until(lambda: any("--graph=" in line for line in stub.asked))
    os.killpg(process.pid, stop)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert stub.asked[-1] == TIDIED


def test_the_fastest_cores_of_a_phone_that_is_lost_meanwhile_are_not_guessed(stub):
    assert stub.run("big_cores.sh").stdout == "2\n"
    done = stub.run("big_cores.sh", fails="shell cd /sys*", code=255)
    assert (done.returncode, done.stdout, done.stderr) == (255, "", GONE)


@pytest.mark.parametrize(
    ("cores", "mask", "said"),
    [
        ("", "", ""),
        ("cpu[0-9]* 0 \\n", "", ""),
        ("0 0 \\n1 0 \\n", "", ""),
        ("0 1800000 0\\n1 2400000 1 2\\n2 0 \\n", "6\n", ""),
        ("0 1800000 0\\n1 2400000 1\\n2 0 \\n", "", "cores 2 do not tell their speed (offline?)"),
    ],
)
def test_cores_that_cannot_be_read_or_are_offline(cores, mask, said, stub, monkeypatch):
    monkeypatch.setenv("ADB_CORES", cores)
    done = stub.run("big_cores.sh")
    assert (done.returncode, done.stdout) == (0, mask)
    assert said in done.stderr and bool(said) == bool(done.stderr)
    done = stub.run("phone.sh")
    assert done.returncode == 0, done.stderr
    assert f"fastest cores: {mask.strip() or 'all alike, or not told'} (mask" in done.stdout
    done = stub.run("benchmark.sh", "child.tflite", "benchmark_model")
    assert done.returncode == 0, done.stderr
    pinned = f"taskset {mask.strip()} " if mask else ""
    assert (
        f"on the phone: {pinned}/data/local/tmp/proxylessnas_by_hand/benchmark_model" in done.stderr
    )


@pytest.mark.parametrize("folder", ["none", "empty", "offline"])
def test_a_folder_of_cores_that_cannot_be_entered_or_read_is_no_fault(tmp_path, folder):
    """The lines that run on the phone, here in a shell."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "offline/cpu0").mkdir(parents=True)
    (tmp_path / "offline/cpu0/online").write_text("0\n")
    said = {"offline": "cpu0 speed not told, offline\n"}.get(folder, "cores cannot be read\n")
    for name in ("big_cores.sh", "phone.sh"):
        script = (SCRIPTS / name).read_text()
        begin = script.index("cd /sys")
        lines = script[begin : script.index("done'", begin) + 4]
        lines = lines.replace("/sys/devices/system/cpu", f"{tmp_path}/{folder}")
        done = subprocess.run(["sh", "-c", lines], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert name != "phone.sh" or done.stdout == said


@pytest.mark.parametrize("fails", ["shell getprop ro.soc*", "shell cd /sys*", "shell dumpsys*"])
def test_a_phone_that_is_lost_is_not_described_as_one_that_tells_nothing(stub, fails):
    done = stub.run("phone.sh", fails=fails, code=255)
    assert (done.returncode, done.stderr) == (255, GONE)
    assert "Thermal" not in done.stdout


def test_a_phone_that_is_lost_while_it_is_tidied_up_is_said(stub):
    done = stub.run("tidy.sh", fails="shell *", code=255)
    assert (done.returncode, done.stderr) == (255, GONE)
