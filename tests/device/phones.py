"""Test phones: Google's adbd in a chroot, in a network of their own, with an adb server beside it.

Nothing here touches the machine's own adb server or its phones. Needs root.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = ("adb", "unshare", "nsenter", "ip", "dpkg", "apt-get")


def require():
    """Fails, and says what to install, where the machine lacks something."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    assert not missing, f"expected the programs {missing}: apt-get install adb util-linux iproute2"
    assert os.geteuid() == 0, "expected root: test phones need namespaces and a chroot"


def build(folder):
    """The root of a test phone; made once for each recipe."""
    done = subprocess.run(
        [HERE / "build_phone.sh", folder], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return pathlib.Path(done.stdout.strip())


def wait_until(holds, seconds=20.0):
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.02)


class Network:
    """A network namespace with an adb server that is reached by a Unix socket.

    adbd listens on every address; in here nobody else reaches it.
    """

    def __init__(self, folder):
        self.socket = folder / "adb.sock"
        self._log = open(folder / "adb.log", "wb")
        self._holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep infinity"],
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout.readline() == b"up\n"
        self._server = self.popen(
            ["adb", "-L", f"localfilesystem:{self.socket}", "server", "nodaemon"],
            env={**os.environ, "HOME": str(folder)},
        )
        wait_until(self.socket.exists)

    def popen(self, command, **options):
        inside = ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net", *map(str, command)]
        return subprocess.Popen(inside, stdout=self._log, stderr=self._log, **options)

    def close(self):
        for process in (self._server, self._holder):
            process.kill()
            process.wait()
        self._log.close()


class Phone:
    """One test phone; the daemon on it can be ended, frozen and started again."""

    def __init__(self, network, root, port):
        self.serial = f"localhost:{port}"
        self._network, self._root, self.port = network, root, port
        self.start()

    def start(self):
        self._process = self._network.popen(
            [HERE / "run_phone.sh", self._root, self.port], start_new_session=True
        )
        adb("disconnect", self.serial)

        def answers():
            adb("connect", self.serial)
            return adb("-s", self.serial, "shell", "true").returncode == 0

        wait_until(answers)

    def stop(self):
        """The phone is gone, as when its cable is pulled. /data goes with it."""
        self._process.kill()
        self._process.wait()

    def _daemon(self):
        children = pathlib.Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return int(children.read_text().split()[0])

    @contextlib.contextmanager
    def frozen(self):
        """While frozen, the daemon neither answers nor ends."""
        daemon = self._daemon()
        os.kill(daemon, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(daemon, signal.SIGCONT)

    def shell(self, script):
        done = adb("-s", self.serial, "shell", script)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def write(self, name, text):
        """Sets what a shim answers."""
        self.shell(f"echo '{text}' >/data/shims/{name}")

    def calls(self):
        """What the shims were asked, and forgets it."""
        return self.shell("cat /data/shims/calls 2>/dev/null; rm -f /data/shims/calls").splitlines()

    def files(self):
        """What lies in the folder for pushed files."""
        return self.shell("find /data/local/tmp -mindepth 1").splitlines()

    def processes(self, text):
        """Processes of the phone with `text` in their command line, but for dead ones.

        The daemon is its first process and does not collect the dead, as Android's does.
        """
        lines = self.shell("ps -A -o STAT,ARGS").splitlines()
        return [line for line in lines if text in line and line[0] != "Z" and "ps -A" not in line]


def adb(*arguments, timeout=20):
    return subprocess.run(
        ["adb", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
    )


def stand_in(path, root, kind="tflite", before=""):
    """Writes the stand-in of `benchmark_model` for phones with this root.

    Args:
        path: where.
        root: of the phone, on this machine.
        kind: which of the two programs to play.
        before: shell lines that run first.
    """
    lines = [
        "#!/system/bin/sh",
        "# A stand-in for benchmark_model: runs the model with this machine's LiteRT, under /host.",
        before,
        "set -A words",
        "for word; do",
        f'  case $word in --graph=*) word="--graph={root}${{word#--graph=}}" ;; esac',
        '  set -A words -- "${words[@]}" "$word"',
        "done",
        f"export STAND_IN={kind}",
        f'exec chroot /host {sys.executable} {HERE}/benchmark_model_stand_in.py "${{words[@]}}"',
    ]
    path.write_text("\n".join(lines) + "\n")
    return path
