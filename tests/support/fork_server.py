"""A server process that has imported TensorFlow, and forks for every command that it runs.

`processes.py` starts the server and sends it commands. The server must not run an operation of
TensorFlow or list devices before the fork, because the child would lack TensorFlow's threads. The
child then does what `python -m` does, so exit codes, output and signals are those of a new process.
"""

import gc
import importlib
import json
import os
import pkgutil
import random
import runpy
import socket
import sys

# Modules that define none of our flags and do not ask for a device.
IMPORTED = (
    "tensorflow",
    "keras",
    "tensorflow_datasets",
    "ai_edge_litert.interpreter",
    "sklearn.linear_model",
    "sklearn.model_selection",
    "scipy.optimize",
    "scipy.stats",
    "matplotlib.pyplot",
    "tensorboard.plugins.custom_scalar.layout_pb2",
    "pydantic",
)


def _our_modules() -> list[str]:
    """The names of all modules of the packages without flags."""
    return [
        module.name
        for package in ("nas", "export", "latency_models")
        for module in pkgutil.walk_packages([package], f"{package}.")
    ]


def _request(connection: socket.socket) -> dict | None:
    """Returns the next command, with descriptors for stdin, stdout, stderr; None at the end."""
    content, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    return json.loads(content) | {"descriptors": descriptors} if content else None


def _become(request: dict) -> None:
    """Sets up a freshly forked child as a new process for the command would be."""
    if request["new_session"]:
        os.setsid()
    for target, source in enumerate(request["descriptors"]):
        os.dup2(source, target)
        os.close(source)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = [sys.executable, *request["arguments"]]
    searched = request["environment"].get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:1] = [request["cwd"], *filter(None, searched)]
    # A new process would have a new random state.
    random.seed()
    sys.modules["numpy"].random.seed()
    # `tools` silences messages at the first import of TensorFlow, which is over here.
    from nas import chatter

    with chatter.silenced():
        sys.modules["tensorflow"].config.list_physical_devices()


def next_command(connection: socket.socket) -> str | None:
    """Forks for every command; returns its module in the child, and None in the server at last."""
    while request := _request(connection):
        child = os.fork()
        if not child:
            connection.close()
            _become(request)
            return request["module"]
        for descriptor in request["descriptors"]:
            os.close(descriptor)
        connection.send(json.dumps(child).encode())
        _, status = os.waitpid(child, 0)
        connection.send(json.dumps(os.waitstatus_to_exitcode(status)).encode())
    return None


if __name__ == "__main__":
    # As in `conftest.py`; the children inherit it.
    gc.set_threshold(20_000)
    # `refusals` and other modules that tests run are next to this file.
    sys.path.append(sys.path[0])
    sys.path[0] = os.getcwd()
    # Without ours, for commands that run another copy of our packages.
    for name in [*IMPORTED, *(_our_modules() if sys.argv[2] == "ours" else ["pytest"])]:
        importlib.import_module(name)
    from tensorflow.python.eager import context

    assert context.context()._context_handle is None, "an import ran TensorFlow"
    gc.collect()
    gc.freeze()
    asked = socket.socket(fileno=int(sys.argv[1]))
    asked.send(b"ready")
    module = next_command(asked)
    if module:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
