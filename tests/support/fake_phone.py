"""A phone for tests that are quick: a stub of adb that runs the phone's scripts in a folder.

Paths of a phone lead into that folder, and the commands that Android has and this machine has not
are shell scripts there, which a test may replace. tests/device has phones with Google's own daemon.
"""

import pathlib

TFLITE = pathlib.Path(__file__).resolve().parents[1] / "testdata" / "benchmark_model" / "tflite.txt"

_ADB = """#!/bin/sh
root={root}
mapped() {{
  printf '%s' "$1" |
    sed "s|/data/local/tmp|$root/tmp|g; s|/sys/devices|$root/sys|g; s|/proc/|$root/proc/|g"
}}
echo "$*" >>$root/asked
[ "$1" = -s ] && shift 2
case $1 in
  devices) printf 'List of devices attached\\nA1\\tdevice\\n' ;;
  push) cp "$2" "$(mapped "$3")" ;;
  shell)
    PATH=$root/bin:/usr/bin:/bin sh -c "$(mapped "$2")" |
      sed "s|$root/tmp|/data/local/tmp|g" ;;
esac
"""
_COMMANDS = {
    "getprop": [
        "echo '[ro.product.model]: [Fake]'",
        "echo '[ro.build.version.sdk]: [34]'",
        "echo '[ro.product.cpu.abi]: [arm64-v8a]'",
    ],
    "settings": [
        'echo "settings $*" >>{root}/calls',
        "case $1 in get) cat {root}/setting 2>/dev/null || echo null ;;",
        '  put) echo "$4" >{root}/setting ;; delete) rm -f {root}/setting ;; esac',
    ],
    "dumpsys": ["echo 'Thermal Status: 0'"],
    "cmd": ['echo "cmd $*" >>{root}/calls'],
    "input": [":"],
    "pgrep": [":"],
    "taskset": ["shift", 'exec "$@"'],
}


class FakePhone:
    """A phone called `adb:A1`, with four cores of which two are fast.

    Attributes:
        adb: path of the stub.
        root: the folder.
    """

    def __init__(self, root):
        self.root = root
        for name in ("bin", "tmp", "proc/1", "proc/sys/kernel/random"):
            (root / name).mkdir(parents=True)
        for core, khz in enumerate((1800000, 1800000, 2800000, 2800000)):
            self.write(f"sys/system/cpu/cpu{core}/cpufreq/cpuinfo_max_freq", f"{khz}\n")
        self.restart("first")
        for name, lines in _COMMANDS.items():
            self.command(name, *lines)
        self.adb = str(self._script("adb", _ADB.format(root=root)))

    def _script(self, name, text):
        path = self.root / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def command(self, name, *lines):
        """Replaces a command of the phone by shell lines."""
        text = "\n".join(["#!/bin/sh", *lines]) + "\n"
        self._script(f"bin/{name}", text.replace("{root}", str(self.root)))

    def restart(self, boot):
        """Makes the phone tell another boot."""
        self.write("proc/sys/kernel/random/boot_id", f"{boot}\n")

    def program(self, output=None, usage="--use_xnnpack=true --use_gpu=false", before=""):
        """Writes a `benchmark_model` that prints a text; returns its path on this machine."""
        self.write("output", TFLITE.read_text("utf-8") if output is None else output)
        return self._script(
            "benchmark_model",
            f'#!/bin/sh\n[ "$1" = --help ] && {{ echo "{usage}"; exit 1; }}\n'
            f'echo "$*" >>{self.root}/runs\n{before}\ncat {self.root}/output\n',
        )

    def lines(self, name):
        """The lines of a file of the folder: `asked` of adb, `calls` of commands, `runs`."""
        path = self.root / name
        return path.read_text().splitlines() if path.exists() else []

    def left(self):
        """What lies in the folder for pushed files."""
        return [path.name for path in (self.root / "tmp").rglob("*")]
