"""Distributes a run over several devices or hosts and keeps the hosts in agreement.

Every host runs the same program. Only the first host, the chief, reads and writes the work dir; it
sends all variables and decisions to the others. So the work dir need not be on a file system that
the hosts share. `nas.distribution.replicas` holds what replicas do inside a step.
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

# How long a host waits within a step for another host that is alive but late; a dead host is
# detected by its missing heartbeats. Long enough for a chief that writes a checkpoint, and for
# hosts that trace a large supernet at different speeds.
TIMEOUT_SECONDS = 600.0
_FOREVER_SECONDS = 1e6

# Errors of a collective operation after a host was lost; which one depends on who notices first.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)


class Distribution:
    """The replicas of a run; without a strategy there is one, and no method costs anything.

    Args:
        strategy: a strategy of `tf.distribute`; None for one replica.
        hosts: all hosts, and which of them this one is; None for one host.
        sync_batch_norm: whether batch normalization uses the moments of the global batch.

    Attributes:
        num_replicas: number of replicas that share a batch.
        num_hosts: number of hosts, each with its own process.
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
        """Returns the context in which models and optimizers are made."""
        return self._strategy.scope() if self._strategy else contextlib.nullcontext()

    def check_batch_size(self, batch_size: int) -> None:
        """Raises ValueError unless the batch size is a multiple of the number of replicas."""
        if batch_size % self.num_replicas:
            raise ValueError(
                f"batch_size: expected a multiple of {self.num_replicas}, the number of replicas "
                f"that share each batch; received {batch_size}"
            )

    def settings(self, batch_size: int) -> dict[str, int]:
        """Returns settings that change a run's result; empty unless replicas normalize apart."""
        if self.sync_batch_norm or self.num_replicas == 1:
            return {}
        return {"batch_norm_images": batch_size // self.num_replicas}

    def distribute(self, batches: Callable[[batching.Share], tf.data.Dataset]) -> Any:
        """Returns the data for `fit`, in which every replica gets its slices of the batches.

        Args:
            batches: given a share, returns the endless stream of its slices.
        """
        if self._strategy is None:
            return batches(batching.WHOLE)

        def host_batches(context: tf.distribute.InputContext) -> tf.data.Dataset:
            total = context.num_replicas_in_sync
            count = total // context.num_input_pipelines
            stream = batches(batching.Share(context.input_pipeline_id * count, count, total))
            # Without this, every step would ask all hosts whether they have another batch.
            infinite = tf.data.INFINITE_CARDINALITY
            return stream.apply(tf.data.experimental.assert_cardinality(infinite))

        return self._strategy.distribute_datasets_from_function(host_batches)

    def from_chief(self, number: int) -> int:
        """Returns the chief's `number` on every host; the other hosts' arguments are ignored.

        Hosts wait for each other without a time limit: one may be preparing data, or evaluating.
        """
        return self._sum(number if self.is_chief or self._strategy is None else 0)

    def _sum(self, number: int) -> int:
        """Returns the sum of the hosts' numbers."""
        if self.num_hosts == 1 or self._strategy is None:
            return number
        strategy = self._strategy
        run = tf.function(lambda own: strategy.run(_patient_sum, args=(own,)), autograph=False)
        results = run(tf.constant(number, tf.int64))
        total = int(strategy.experimental_local_results(results)[0])
        return total // (self.num_replicas // self.num_hosts)

    def take_variables(self, variables: Mapping[str, tf.Variable]) -> None:
        """Sets the variables to the chief's values on every host."""
        if self.num_hosts == 1 or self._strategy is None:
            return
        strategy = self._strategy

        def take() -> None:
            for variable in variables.values():
                own = replicas.local(variable)
                own.assign(_of_first_replica(tf.convert_to_tensor(own)))

        tf.function(lambda: strategy.run(take), autograph=False)()

    def check_agreement(self, what: str, value: Any) -> None:
        """Raises ValueError on all hosts unless all have the same `value`, a JSON value."""
        digest = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()
        own = int.from_bytes(digest[:7], "big")
        if self._sum(int(self.from_chief(own) != own)):
            raise ValueError(
                f"{what}: expected the same on all {self.num_hosts} hosts, received different "
                "ones; run the same command with the same files and data on every host"
            )

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        """Replaces the various errors that the loss of another host causes by one.

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
                f"({_reason(error)}); start the same command on every host again, and it resumes "
                "after the last finished epoch"
            ) from error


def start(
    kind: str, sync_batch_norm: bool = True, report: Callable[[str], None] = lambda line: None
) -> Distribution:
    """Sets up the devices or hosts of a run; waits until all hosts have joined.

    Call it before any TensorFlow operation runs.

    Args:
        kind: `none`; `mirrored`, all GPUs of this host, or its CPU devices if it has none;
            `multiworker`, all hosts of TF_CONFIG with all their GPUs.
        sync_batch_norm: as for `Distribution`.
        report: receives lines that say which devices or hosts are used.

    Raises:
        ValueError: the kind is unknown, or TF_CONFIG is missing or wrong.
        ConnectionError: this host's port is taken, or another host did not join.
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
            f"({_reason(error)}); check that the port is free and that the command runs on every "
            "host"
        ) from error
    found = Distribution(strategy, hosts, sync_batch_norm)
    report(f"all hosts have joined; {found.num_replicas} replicas")
    return found


def _reason(error: tf.errors.OpError) -> str:
    """Returns the line of a long error message that says what happened."""
    cause = str(error.message).rpartition("aborted by: ")[2].strip()
    (line, *_) = cause.splitlines() or [""]
    return f"{type(error).__name__}: {line}"


def _patient_sum(value: tf.Tensor) -> tf.Tensor:
    options = tf.distribute.experimental.CommunicationOptions(timeout_seconds=_FOREVER_SECONDS)
    context = tf.distribute.get_replica_context()
    # A graph's argument is on no device, and all_reduce does not accept it without the identity.
    return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(value), options)


def _of_first_replica(value: tf.Tensor) -> tf.Tensor:
    number = tf.distribute.get_replica_context().replica_id_in_sync_group
    return _patient_sum(tf.where(number == 0, value, tf.zeros_like(value)))
