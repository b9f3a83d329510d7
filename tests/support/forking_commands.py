"""Runs a tool whose own commands, `python -m tools.x`, are forked instead of started anew.

    python -m forking_commands tools.compare_search --flag=value

Before TensorFlow runs anything here, a helper process is forked. It forks once more for every
command that `tools.experiments.subcommand` would start. The command becomes a child of this
process, so its exit code, time and memory are found as always.
"""

import ctypes
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import types

import fork_server

from tools.experiments import subcommand

# Of <linux/prctl.h>: orphans among our descendants become our children.
_SET_CHILD_SUBREAPER = 36


class _Forked:
    """What `subcommand` needs of `subprocess.Popen`."""

    helper: socket.socket

    def __init__(self, command, cwd, stdout, stderr) -> None:
        python, flag, module, *arguments = command
        assert (python, flag, stderr) == (sys.executable, "-m", subprocess.STDOUT)
        request = {
            "module": module,
            "arguments": arguments,
            "cwd": str(cwd),
            "environment": dict(os.environ),
            "new_session": False,
            "cores": sorted(os.sched_getaffinity(0)),
        }
        with open(os.devnull) as nothing:
            descriptors = [nothing.fileno(), stdout.fileno(), stdout.fileno()]
            socket.send_fds(self.helper, [json.dumps(request).encode()], descriptors)
        self.pid = json.loads(self.helper.recv(100))
        assert self.helper.recv(100) == b"adopted"
        self.returncode: int | None = None

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def wait(self) -> int:
        _, status = os.waitpid(self.pid, 0)
        self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def _next_command(connection: socket.socket) -> str | None:
    """Forks for every command; returns its module in the child, and None in the helper at last."""
    while request := fork_server._request(connection):
        between = os.fork()
        if not between:
            child = os.fork()
            if child:
                connection.send(json.dumps(child).encode())
                os._exit(0)
            os.sched_setaffinity(0, request["cores"])
            connection.close()
            fork_server._become(request)
            return request["module"]
        for descriptor in request["descriptors"]:
            os.close(descriptor)
        os.waitpid(between, 0)
        connection.send(b"adopted")
    return None


if __name__ == "__main__":
    assert not ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    _Forked.helper, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    helper = os.fork()
    if helper:
        theirs.close()
        subcommand.subprocess = types.SimpleNamespace(Popen=_Forked, STDOUT=subprocess.STDOUT)
        del sys.argv[0]
        module = sys.argv[0]
    else:
        _Forked.helper.close()
        module = _next_command(theirs)
        if module is None:
            os._exit(0)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
