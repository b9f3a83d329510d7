"""Several devices or hosts as one: which there are, who writes, and what all must agree on.

Every host runs the same program. The first one, the chief, alone reads and writes the work dir; the
others take what they need to know, and every variable, from it. So the work dir need not be on a
file system that the hosts share. What replicas do inside a step is in `nas.distribution.replicas`.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorflow as tf

from nas import chatter
from nas.data import batching
from nas.distribution import replicas, tf_config

KINDS = ("none", "mirrored", "multiworker")

# How long a host waits within a step for another that is alive but does not come; a dead one is
# found by its missing heartbeats. Long enough for a chief that writes a checkpoint, and for hosts
# that trace a large supernet at different speeds.
TIMEOUT_SECONDS = 600.0
_FOREVER_SECONDS = 1e6

# What a collective operation fails with when a host is gone, whichever notices first.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)


class Distribution:
    """The replicas of a run; without a strategy there is one, and nothing costs anything.

    Args:
        strategy: of `tf.distribute`; None for one replica.
        hosts: which of them this one is; None for one host.
        sync_batch_norm: whether batch normalization is that of the global batch.

    Attributes:
        num_replicas: how many replicas share a batch.
        num_hosts: how many programs like this one run.
        is_chief: whether this host reads and writes files.
        sync_batch_norm: as given.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy | None = None,
        hosts: tf_config.Cluster | None = None,
        sync_batch_norm: bool = True,
    ) -> None:
        self.num_replicas = strategy.num_replicas_in_sync if strategy else 1
        self._strategy = strategy if self.num_replicas > 1 else None
        self.num_hosts = len(hosts.addresses) if hosts else 1
        self.is_chief = hosts is None or hosts.number == 0
        self.sync_batch_norm = sync_batch_norm

    def scope(self) -> contextlib.AbstractContextManager:
        """In which models and optimizers are made."""
        return self._strategy.scope() if self._strategy else contextlib.nullcontext()

    def check_batch_size(self, batch_size: int) -> None:
        """Raises ValueError unless every replica gets equally many images."""
        if batch_size % self.num_replicas:
            raise ValueError(
                f"batch_size: expected a multiple of {self.num_replicas}, the number of replicas "
                f"that share each batch; received {batch_size}"
            )

    def settings(self, batch_size: int) -> dict[str, int]:
        """What the result of a run depends on: nothing, unless slices are normalized apart."""
        if self.sync_batch_norm or self.num_replicas == 1:
            return {}
        return {"batch_norm_images": batch_size // self.num_replicas}

    def distribute(self, batches: Callable[[batching.Share], tf.data.Dataset]) -> Any:
        """What `fit` takes: every replica's slices of the batches.

        Args:
            batches: from a share to the endless stream of its slices.
        """
        if self._strategy is None:
            return batches(batching.WHOLE)

        def host_batches(context: tf.distribute.InputContext) -> tf.data.Dataset:
            total = context.num_replicas_in_sync
            count = total // context.num_input_pipelines
            stream = batches(batching.Share(context.input_pipeline_id * count, count, total))
            # Otherwise every step would ask all hosts whether they have another batch.
            infinite = tf.data.INFINITE_CARDINALITY
            return stream.apply(tf.data.experimental.assert_cardinality(infinite))

        return self._strategy.distribute_datasets_from_function(host_batches)

    def from_chief(self, number: int) -> int:
        """The chief's `number`; what the other hosts pass is ignored.

        All wait for each other, as long as it takes: one may be preparing data, or evaluating.
        """
        return self._sum(number if self.is_chief or self._strategy is None else 0)

    def _sum(self, number: int) -> int:
        """Of the hosts' numbers."""
        if self.num_hosts == 1 or self._strategy is None:
            return number
        strategy = self._strategy
        run = tf.function(lambda own: strategy.run(_patient_sum, args=(own,)), autograph=False)
        results = run(tf.constant(number, tf.int64))
        total = int(strategy.experimental_local_results(results)[0])
        return total // (self.num_replicas // self.num_hosts)

    def take_variables(self, variables: Mapping[str, tf.Variable]) -> None:
        """Gives every host the chief's values."""
        if self.num_hosts == 1 or self._strategy is None:
            return
        strategy = self._strategy

        def take() -> None:
            for variable in variables.values():
                own = replicas.local(variable)
                own.assign(_of_first_replica(tf.convert_to_tensor(own)))

        tf.function(lambda: strategy.run(take), autograph=False)()

    def check_agreement(self, what: str, value: Any) -> None:
        """Raises ValueError on all hosts unless all have the same `value`, which JSON can hold."""
        digest = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()
        own = int.from_bytes(digest[:7], "big")
        if self._sum(int(self.from_chief(own) != own)):
            raise ValueError(
                f"{what}: expected the same on all {self.num_hosts} hosts, received different "
                "ones; run the same command, with the same files and data, on all of them"
            )

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        """Turns the many errors that the loss of another host causes into one.

        Raises:
            ConnectionError: another host ended or cannot be reached.
        """
        try:
            yield
        except _LOST as error:
            if self.num_hosts == 1:
                raise
            raise ConnectionError(
                f"another of the {self.num_hosts} hosts ended or cannot be reached "
                f"({_reason(error)}); start the same command on every host again, and it goes on "
                "from the last finished epoch"
            ) from error


def start(
    kind: str, sync_batch_norm: bool = True, report: Callable[[str], None] = lambda line: None
) -> Distribution:
    """The devices or hosts that a run is to use; waits until all hosts are there.

    Call it before anything else that makes TensorFlow work.

    Args:
        kind: `none`; `mirrored`, all GPUs of this host, or its CPU devices if it has none;
            `multiworker`, all hosts of TF_CONFIG with all their GPUs.
        sync_batch_norm: as for `Distribution`.
        report: is told, in one line, what was found.

    Raises:
        ValueError: an unknown kind, or TF_CONFIG is missing or wrong.
        ConnectionError: this host's port is taken, or another host did not come.
    """
    if kind not in KINDS:
        raise ValueError(f"distribute: expected one of {', '.join(KINDS)}; received {kind!r}")
    if kind == "none":
        return Distribution()
    if kind == "mirrored":
        gpus = tf.config.list_logical_devices("GPU")
        devices = [device.name for device in gpus or tf.config.list_logical_devices("CPU")]
        report(f"{len(devices)} {'replicas' if len(devices) > 1 else 'device, so one replica'}")
        return Distribution(tf.distribute.MirroredStrategy(devices), None, sync_batch_norm)
    hosts = tf_config.read(os.environ)
    address = hosts.addresses[hosts.number]
    report(f"host {hosts.number + 1} of {len(hosts.addresses)}, {address}; waiting for the others")
    options = tf.distribute.experimental.CommunicationOptions(timeout_seconds=TIMEOUT_SECONDS)
    try:
        with chatter.silenced():
            strategy = tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)
    except tf.errors.OpError as error:
        raise ConnectionError(
            f"{address}: expected to join the {len(hosts.addresses)} hosts of TF_CONFIG, failed "
            f"({_reason(error)}); is the port free, and does the command run on every host?"
        ) from error
    found = Distribution(strategy, hosts, sync_batch_norm)
    report(f"all hosts are there; {found.num_replicas} replicas")
    return found


def _reason(error: tf.errors.OpError) -> str:
    """The line of a long message that says what happened."""
    cause = str(error.message).rpartition("aborted by: ")[2].strip()
    (line, *_) = cause.splitlines() or [""]
    return f"{type(error).__name__}: {line}"


def _patient_sum(value: tf.Tensor) -> tf.Tensor:
    options = tf.distribute.experimental.CommunicationOptions(timeout_seconds=_FOREVER_SECONDS)
    context = tf.distribute.get_replica_context()
    # An argument of a graph is on no device, which all_reduce does not take.
    return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(value), options)


def _of_first_replica(value: tf.Tensor) -> tf.Tensor:
    number = tf.distribute.get_replica_context().replica_id_in_sync_group
    return _patient_sum(tf.where(number == 0, value, tf.zeros_like(value)))
