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
    server = _server(_early(env))
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        code = server.ask(module, arguments, cwd, env, (out.fileno(), err.fileno()), timeout)
        return subprocess.CompletedProcess(
            [sys.executable, "-m", module, *arguments], code, _text(out), _text(err)
        )


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


def with_our_packages() -> dict[str, str]:
    """An environment in which a Python that starts in any folder finds our packages."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def tool(name: str):
    """Returns `run` for one tool."""
    return functools.partial(run, f"tools.{name}")


def _early(environment: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(pair for pair in environment.items() if pair[0].startswith(_READ_EARLY)))


def _text(file) -> str:
    file.seek(0)
    return file.read().decode()


class _Server:
    """The server process that forks, and the socket to it."""

    def __init__(self, early: tuple[tuple[str, str], ...]) -> None:
        others = {k: v for k, v in os.environ.items() if not k.startswith(_READ_EARLY)}
        self._socket, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(pathlib.Path(__file__).with_name("fork_server.py")),
                 str(theirs.fileno())],
                cwd=ROOT,
                env=others | dict(early),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
        assert self._socket.recv(100) == b"ready", "the server that forks did not start"

    def ask(self, module, arguments, cwd, environment, outputs, timeout) -> int:
        """Runs a command; returns its exit code, which is negative if a signal ended it."""
        request = {
            "module": module,
            "arguments": list(arguments),
            "cwd": str(cwd),
            "environment": environment,
        }
        with open(os.devnull) as nothing:
            descriptors = [nothing.fileno(), *outputs]
            socket.send_fds(self._socket, [json.dumps(request).encode()], descriptors)
        child = json.loads(self._socket.recv(100))
        self._socket.settimeout(timeout)
        try:
            return json.loads(self._socket.recv(100))
        except TimeoutError:
            os.kill(child, signal.SIGKILL)
            self._socket.settimeout(None)
            self._socket.recv(100)
            raise subprocess.TimeoutExpired(module, timeout) from None
        finally:
            self._socket.settimeout(None)

    def close(self) -> None:
        """Ends the server."""
        self._socket.close()
        self._process.wait()


@functools.cache
def _server(early: tuple[tuple[str, str], ...]) -> _Server:
    server = _Server(early)
    atexit.register(server.close)
    return server
