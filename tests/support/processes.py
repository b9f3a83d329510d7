"""Runs `python -m <module>` for tests, in a forked or in a new process.

A new process spends six seconds of CPU on importing TensorFlow. `run` asks a server that has
imported it to fork. `run_fresh` starts a new Python process, for tests of the start itself.
"""

import atexit
import functools
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import IO

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Environment variables that are read when Python starts or TensorFlow is imported. A change has no
# effect after a fork, so there is a server for each combination of values. Tests use two or three.
_READ_EARLY = (
    "TF_", "ONEDNN_", "DNNL_", "KERAS_", "CUDA_", "XLA_", "OMP_", "KMP_", "MKL_", "OPENBLAS_",
    "PYTHONWARN", "PYTHONHASH", "PYTHONUTF8", "PYTHONIO", "PYTHONUNBUFFERED", "PYTHONOPTIMIZE",
    "LD_", "LC_", "LANG", "TFDS_", "MPL", "HOME", "GLOG_", "ABSL_",
)  # fmt: skip


def run(
    module: str,
    *arguments: str,
    cwd: pathlib.Path = ROOT,
    env: Mapping[str, str] | None = None,
    timeout: float = 900.0,
) -> subprocess.CompletedProcess:
    """Runs `python -m module arguments`; returns the result like `subprocess.run`.

    Args:
        module: the module, for example `tools.search`.
        *arguments: its flags.
        cwd: the folder in which it runs; our packages are found from any folder.
        env: its environment; by default that of this process.
        timeout: seconds after which it is killed.

    Raises:
        subprocess.TimeoutExpired: it took longer.
    """
    env = dict(os.environ if env is None else env)
    return _run(_idle_server(_early(env)), module, arguments, cwd, env, timeout)


def _run(server, module, arguments, cwd, env, timeout) -> subprocess.CompletedProcess:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = server.start(module, arguments, cwd, env, (out.fileno(), err.fileno()))
        try:
            code = started.wait(timeout)
        except TimeoutError:
            os.kill(started.pid, signal.SIGKILL)
            started.wait(None)
            raise subprocess.TimeoutExpired(module, timeout) from None
        return subprocess.CompletedProcess(
            [sys.executable, "-m", module, *arguments], code, _text(out), _text(err)
        )


def start(
    module: str,
    *arguments: str,
    output: IO,
    env: Mapping[str, str] | None = None,
) -> "Started":
    """Starts `python -m module arguments` in a session of its own, in the root of the sources.

    Until its end has been seen, other commands need a server process of their own.

    Args:
        module: the module.
        *arguments: its flags.
        output: receives stdout and stderr; an open file.
        env: its environment; by default that of this process.
    """
    env = dict(os.environ if env is None else env)
    outputs = (output.fileno(), output.fileno())
    return _idle_server(_early(env)).start(module, arguments, ROOT, env, outputs, new_session=True)


def run_copy(
    module: str, *arguments: str, cwd: pathlib.Path, env: Mapping[str, str]
) -> subprocess.CompletedProcess:
    """As `run`, but `cwd` is another copy of our sources, whose packages are imported there."""
    return _run(_idle_server(_early(dict(env)), False), module, arguments, cwd, dict(env), 900.0)


def run_fresh(
    module: str,
    *arguments: str,
    cwd: pathlib.Path = ROOT,
    env: Mapping[str, str] | None = None,
    timeout: float = 900.0,
) -> subprocess.CompletedProcess:
    """As `run`, but in a new Python process."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def start_fresh(
    module: str, *arguments: str, output: IO, env: Mapping[str, str]
) -> subprocess.Popen:
    """As `start`, but a new Python process."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=env,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def with_our_packages() -> dict[str, str]:
    """An environment in which a Python that starts in any folder finds our packages."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def tool(name: str):
    """Returns `run` for one tool."""
    return functools.partial(run, f"tools.{name}")


def _early(environment: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    early = {name: value for name, value in environment.items() if name.startswith(_READ_EARLY)}
    # Read when a strategy is made.
    early.pop("TF_CONFIG", None)
    return tuple(sorted(early.items()))


def _text(file) -> str:
    file.seek(0)
    return file.read().decode()


class _Server:
    """The server process that forks, and the socket to it.

    Attributes:
        started: the command that was started last.
    """

    started: "Started | None" = None

    def __init__(self, early: tuple[tuple[str, str], ...], ours: bool) -> None:
        others = {k: v for k, v in os.environ.items() if not k.startswith(_READ_EARLY)}
        self._socket, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(pathlib.Path(__file__).with_name("fork_server.py")),
                 str(theirs.fileno()), "ours" if ours else "frameworks"],
                cwd=ROOT,
                env=others | dict(early),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
        assert self._socket.recv(100) == b"ready", "the server that forks did not start"

    def start(self, module, arguments, cwd, environment, outputs, new_session=False) -> "Started":
        """Starts a command, with stdout and stderr in two open files."""
        request = {
            "module": module,
            "arguments": list(arguments),
            "cwd": str(cwd),
            "environment": environment,
            "new_session": new_session,
        }
        with open(os.devnull) as nothing:
            descriptors = [nothing.fileno(), *outputs]
            socket.send_fds(self._socket, [json.dumps(request).encode()], descriptors)
        self.started = Started(json.loads(self._socket.recv(100)), self._socket)
        return self.started

    def close(self) -> None:
        """Ends the server."""
        self._socket.close()
        self._process.wait()


class Started:
    """A command that runs.

    Attributes:
        pid: its process.
        returncode: its exit code, negative if a signal ended it; None before `poll` or `wait` has
            seen the end.
    """

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._socket = connection

    def poll(self) -> int | None:
        """Returns the exit code; None while it runs."""
        try:
            return self.wait(0.0)
        except (TimeoutError, BlockingIOError):
            return None

    def wait(self, timeout: float | None) -> int:
        """Waits for the end; returns the exit code.

        Raises:
            TimeoutError: it takes longer, in seconds.
        """
        if self.returncode is None:
            self._socket.settimeout(timeout)
            try:
                self.returncode = json.loads(self._socket.recv(100))
            finally:
                self._socket.settimeout(None)
        return self.returncode


_servers: dict[tuple[tuple[tuple[str, str], ...], bool], list[_Server]] = {}


def _idle_server(early: tuple[tuple[str, str], ...], ours: bool = True) -> _Server:
    """Returns a server whose last command has ended; starts one if there is none."""
    found = _servers.setdefault((early, ours), [])
    for server in found:
        if server.started is None or server.started.returncode is not None:
            return server
    found.append(_Server(early, ours))
    atexit.register(found[-1].close)
    return found[-1]
