"""A process that has imported TensorFlow and forks for every command it is asked to run.

`processes.py` starts it and asks. Nothing here may run an operation of TensorFlow or list devices
before the fork: its threads would be missing in the child. What the child does from then on is
what `python -m` does, so exit codes, output and signals are those of a process of its own.
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

# Neither this project's flags nor anything that asks for a device.
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
    """Every module of the packages without flags."""
    return [
        module.name
        for package in ("nas", "export", "latency_models")
        for module in pkgutil.walk_packages([package], f"{package}.")
    ]


def _request(connection: socket.socket) -> dict | None:
    """The next command, with the descriptors of its stdin, stdout and stderr; None at the end."""
    content, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    return json.loads(content) | {"descriptors": descriptors} if content else None


def _become(request: dict) -> None:
    """Makes a freshly forked child what the command's own process would be."""
    for target, source in enumerate(request["descriptors"]):
        os.dup2(source, target)
        os.close(source)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = [sys.executable, *request["arguments"]]
    sys.path[0] = request["cwd"]
    # A process of its own would have begun with other numbers.
    random.seed()
    sys.modules["numpy"].random.seed()
    # `tools` silences the first import of TensorFlow, devices included; here it was imported.
    from nas import chatter

    with chatter.silenced():
        sys.modules["tensorflow"].config.list_physical_devices()


def next_command(connection: socket.socket) -> str | None:
    """Forks for every command; gives its module in the child, and None in the server at the end."""
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
    # `refusals` and what else tests run as a module lies beside this file.
    sys.path.append(sys.path[0])
    sys.path[0] = os.getcwd()
    for name in [*IMPORTED, *_our_modules()]:
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
