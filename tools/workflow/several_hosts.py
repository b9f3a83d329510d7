"""One command on several devices or hosts: its flags, its start, and stages that the chief keeps.

Of the hosts that run a command, the first one, the chief, takes the work dir, reads and writes it;
the others do the same work and keep nothing.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from absl import flags

from nas.distribution import tf_config
from tools.terminal import console

if TYPE_CHECKING:
    from nas import files
    from nas.distribution.hosts import Distribution
    from tools.workflow.workdir import WorkDir

_DISTRIBUTE = flags.DEFINE_enum(
    "distribute",
    "none",
    ["none", "mirrored", "multiworker"],
    "What shares each batch: nothing, all GPUs of this host, or all hosts of TF_CONFIG.",
)
_SYNC_BATCH_NORM = flags.DEFINE_bool(
    "sync_batch_norm",
    True,
    "With --distribute: normalize by the whole batch, as one device would. Without it each device "
    "normalizes by its own images, which is faster.",
)


def check() -> None:
    """Checks what --distribute needs; call it before TensorFlow is imported.

    Raises:
        ValueError: TF_CONFIG is missing or wrong.
    """
    if _DISTRIBUTE.value == "multiworker":
        tf_config.read(os.environ)
        # The loss of a host is told in one line; TensorFlow would add a dozen.
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"


def start(batch_size: int) -> "Distribution":
    """The devices or hosts of --distribute; waits until all hosts are there.

    Call it before anything makes TensorFlow work.

    Raises:
        ValueError: the batch cannot be shared equally.
        ConnectionError: the hosts do not find each other.
    """
    from nas.distribution import hosts

    found = hosts.start(_DISTRIBUTE.value, _SYNC_BATCH_NORM.value, console.say)
    found.check_batch_size(batch_size)
    return found


@contextlib.contextmanager
def owned(directory: "WorkDir", distribution: "Distribution") -> Iterator[None]:
    """The folder taken by the chief, and left alone by the others, until all are done.

    Raises:
        ConnectionError: another host was lost.
    """
    with distribution.watch(), directory if distribution.is_chief else contextlib.nullcontext():
        yield
        # A host that ended earlier would look lost to the others.
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
        directory: the work dir, taken by the chief.
        distribution: the hosts.
        name: of the stage.
        action: what the chief does.
        assist: what every other host does at the same time.
        outputs: as for `WorkDir.stage`.
        inputs: likewise.

    Returns:
        Whether it ran.
    """
    finished = distribution.is_chief and directory.finished(name)
    if distribution.from_chief(int(finished)):
        return False
    if distribution.is_chief:
        return directory.stage(name, action, outputs, inputs)
    assist()
    return True
