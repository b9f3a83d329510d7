"""Runs one command on several devices or hosts: flags, start, and stages recorded by the chief.

The first host is the chief. Only the chief locks, reads and writes the work dir; the others do the
same work and write nothing.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from absl import flags

from nas.distribution import tf_config
from tools.terminal import console, idle_flags

if TYPE_CHECKING:
    from nas import files
    from nas.distribution.hosts import Distribution
    from tools.workflow.workdir import WorkDir

_DISTRIBUTE = flags.DEFINE_enum(
    "distribute",
    "none",
    ["none", "mirrored", "multiworker"],
    "Devices that share each batch: none is one device, mirrored all GPUs of this host, "
    "multiworker all hosts of TF_CONFIG.",
)
_SYNC_BATCH_NORM = flags.DEFINE_bool(
    "sync_batch_norm",
    True,
    "With --distribute: normalize over the whole batch, as one device would. Otherwise each "
    "device normalizes over its own images, which is faster.",
)


def check(instead: str = "") -> None:
    """Checks the environment that --distribute needs; call it before TensorFlow is imported.

    Args:
        instead: if the command runs on one host only, what to do for several.

    Raises:
        ValueError: TF_CONFIG is missing or wrong, or a flag has no effect.
    """
    if instead and _DISTRIBUTE.value == "multiworker":
        raise ValueError(f"distribute: expected none or mirrored, received multiworker; {instead}")
    idle_flags.check(
        idle_flags.Rule(
            [_SYNC_BATCH_NORM.name],
            _DISTRIBUTE.value != "none",
            "with --distribute=mirrored or multiworker",
            "it with one device",
        )
    )
    if _DISTRIBUTE.value == "multiworker":
        if flags.FLAGS["extend"].value:
            raise ValueError(
                "extend: expected one host, since only the first has the work dir that is "
                "extended, received --distribute=multiworker; leave one of them out"
            )
        tf_config.read(os.environ)
        # We report the loss of a host in one line; TensorFlow would add a dozen.
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"


def start(*batch_sizes: int) -> "Distribution":
    """Sets up the devices or hosts of --distribute; waits until all hosts are connected.

    Call it before any TensorFlow computation.

    Args:
        batch_sizes: the sizes of all batches that will be shared.

    Raises:
        ValueError: a batch cannot be divided equally.
        ConnectionError: the hosts do not find each other.
    """
    from nas.distribution import hosts

    found = hosts.start(_DISTRIBUTE.value, _SYNC_BATCH_NORM.value, console.say)
    for size in batch_sizes:
        found.check_batch_size(size)
    return found


@contextlib.contextmanager
def owned(directory: "WorkDir", distribution: "Distribution") -> Iterator[None]:
    """A context in which the chief holds the work dir until all hosts are done.

    Raises:
        ConnectionError: another host was lost.
    """
    with distribution.watch(), directory if distribution.is_chief else contextlib.nullcontext():
        yield
        # Wait for all hosts, since a host that ends early looks lost to the others.
        distribution.from_chief(0)
    if not distribution.is_chief:
        console.say("done on this host; the first host has the results")


def stage(
    directory: "WorkDir",
    distribution: "Distribution",
    name: str,
    action: Callable[[], object],
    assist: Callable[[], object],
    outputs: "Iterable[files.Path]" = (),
    inputs: "Iterable[files.Path]" = (),
) -> bool:
    """Runs a stage on all hosts, unless the chief finds it finished.

    Args:
        directory: the work dir, held by the chief.
        distribution: the hosts.
        name: name of the stage.
        action: the work of the chief.
        assist: the work of every other host at the same time.
        outputs: as for `WorkDir.stage`.
        inputs: as for `WorkDir.stage`.

    Returns:
        Whether the stage ran.
    """
    finished = distribution.is_chief and directory.finished(name)
    if distribution.from_chief(int(finished)):
        return False
    if distribution.is_chief:
        return directory.stage(name, action, outputs, inputs)
    assist()
    return True
