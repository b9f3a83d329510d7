"""One search, from a data set and latencies to a child network."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Sequence

import keras
import numpy as np
import tensorflow as tf

from nas import files, objectives
from nas.architecture import spec_json
from nas.architecture.specs import SearchSpace
from nas.choices import derive
from nas.choices.candidate_costs import Latencies
from nas.data import batching
from nas.data.splits import dataset
from nas.distribution.hosts import Distribution
from nas.layers import precision
from nas.searching import algorithms, search_callbacks
from nas.searching.algorithms import SearchResult, SupernetAlgorithm, Task
from nas.searching.search_config import OPTIMIZERS, SearchConfig
from nas.supernet import supernet
from nas.supernet.learning_network import StepAlgorithm
from nas.training import checkpoints, resumable_fit


def paired_batches(
    dataset: dataset.Dataset,
    config: SearchConfig,
    first_step: int = 0,
    learns_alpha: bool = True,
    share: batching.Share = batching.WHOLE,
) -> tf.data.Dataset:
    """Pairs ((images, labels), (validation images, validation labels)) without end.

    The second is empty in the warm-up and between architecture steps, and costs nothing there.
    Where alpha is not learned it is always empty. With a share, its slices of both, one after the
    other.
    """
    steps = batching.steps_per_epoch(dataset.train, config.batch_size)
    warmup = config.warmup_epochs * steps
    period = config.arch_period

    def is_due(step: int | tf.Tensor) -> tf.Tensor:
        return tf.logical_and(learns_alpha and step >= warmup, (step - warmup) % period == 0)

    first_look = max(0, -(-(first_step - warmup) // period))
    looks = batching.training_batches(
        dataset.validation, config.batch_size, config.seed + 1, first_step=first_look, share=share
    )
    nothing = looks.element_spec
    empty = tf.data.Dataset.from_tensors(
        tuple(tf.zeros([0, *spec.shape[1:]], spec.dtype) for spec in nothing)
    ).repeat()
    turns = tf.data.Dataset.range(first_step, np.iinfo(np.int64).max)
    turns = turns.map(lambda step: tf.cast(is_due(step), tf.int64))
    if share.count > 1:
        turns = turns.flat_map(lambda turn: tf.data.Dataset.from_tensors(turn).repeat(share.count))
    validation = tf.data.Dataset.choose_from_datasets([empty, looks], turns)
    weights = batching.training_batches(
        dataset.train, config.batch_size, config.seed, first_step=first_step, share=share
    )
    return tf.data.Dataset.zip(weights, validation).prefetch(2)


def build_supernet(
    space: SearchSpace,
    config: SearchConfig,
    latencies: Latencies,
    steps_per_epoch: int,
    algorithm: StepAlgorithm,
    sync_batch_norm: bool = True,
) -> supernet.Supernet:
    """The supernet of `space`, compiled for `config`."""
    net = supernet.Supernet(space, config.seed, config.precision, sync_batch_norm)
    objective: objectives.Objective = objectives.CrossEntropy()
    if config.target:
        objective = _objective(config, latencies, steps_per_epoch)
    net.compile(
        optimizer=OPTIMIZERS[config.optimizer](
            _TwoCosines(config, steps_per_epoch), weight_decay=config.weight_decay
        ),
        arch_optimizer=keras.optimizers.Adam(config.arch_learning_rate, 0.0, 0.999),
        algorithm=algorithm,
        objective=objective,
        latencies=latencies,
        label_smoothing=config.label_smoothing,
    )
    return net


def _objective(
    config: SearchConfig, latencies: Latencies, steps_per_epoch: int
) -> objectives.Objective:
    # A limit is aimed at from below, so that the child need not be moved far to respect it.
    aim = config.target * (1.0 - derive.TARGET_BAND / 2 if config.is_limit else 1.0)
    num_steps = -(-config.epochs * steps_per_epoch // config.arch_period)
    make = objectives.OBJECTIVES[config.objective]
    return make(latencies, max(aim, latencies.fastest_ms), num_steps, config.arch_learning_rate)


class _TwoCosines(keras.optimizers.schedules.LearningRateSchedule):
    """A cosine over the warm-up, then another over the search."""

    def __init__(self, config: SearchConfig, steps_per_epoch: int) -> None:
        self._config, self._steps_per_epoch = config, steps_per_epoch
        self._warmup_steps = config.warmup_epochs * steps_per_epoch
        self._warmup = keras.optimizers.schedules.CosineDecay(
            config.warmup_learning_rate, max(1, self._warmup_steps)
        )
        self._search = keras.optimizers.schedules.CosineDecay(
            config.learning_rate, config.epochs * steps_per_epoch
        )

    def __call__(self, step):
        return tf.where(
            step < self._warmup_steps, self._warmup(step), self._search(step - self._warmup_steps)
        )

    def get_config(self):
        return {"config": self._config, "steps_per_epoch": self._steps_per_epoch}


def search(
    space: SearchSpace,
    dataset: dataset.Dataset,
    latencies: Latencies | None,
    config: SearchConfig,
    directory: files.Path,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    report: Callable[[str], None] = lambda line: None,
    track: Callable[[Iterable, int, str], Iterable] = lambda items, total, label: items,
    distribution: Distribution | None = None,
) -> SearchResult:
    """Searches, or goes on with a search that was interrupted.

    Args:
        space: with the data set's classes and resolution.
        dataset: its `train` part trains weights, its `validation` part is for choices.
        latencies: of the space's candidates; None without a target.
        config: settings.
        directory: gets `metrics.jsonl`, `alphas.npz` and what else the algorithm keeps; a search
            found there is continued and ends as it would have without interruption, unless space,
            data set, latencies or settings are others: then it starts over.
        callbacks: further Keras callbacks; at batch ends their logs are tensors.
        report: is told, in one line, when an earlier search is dropped.
        track: shows progress of work that is no `fit`: (iterable, number of items, label).
        distribution: the devices and hosts to search on; default one. While the chief makes this
            call, the other hosts call `assist`.

    Raises:
        ValueError: settings, space, latencies, data set and machine do not fit each other, before
            any work.
    """
    hosts = distribution or Distribution()
    task, algorithm = prepare(space, dataset, latencies, config, hosts)
    task = dataclasses.replace(
        task,
        directory=pathlib.Path(directory),
        train_supernet=lambda algorithm: train_supernet(task, algorithm),
        callbacks=callbacks,
        report=report,
        track=track,
    )
    return algorithm.search(task)


def assist(
    space: SearchSpace,
    dataset: dataset.Dataset,
    latencies: Latencies | None,
    config: SearchConfig,
    distribution: Distribution,
) -> None:
    """What a host does that is not the chief: it trains the same supernet and keeps nothing."""
    task, algorithm = prepare(space, dataset, latencies, config, distribution)
    if isinstance(algorithm, SupernetAlgorithm):
        train_supernet(task, algorithm)


def prepare(
    space: SearchSpace,
    dataset: dataset.Dataset,
    latencies: Latencies | None,
    config: SearchConfig,
    distribution: Distribution,
) -> tuple[Task, algorithms.Algorithm]:
    """The search, checked, and its algorithm; nothing is kept and nobody is told.

    Raises:
        ValueError: as `search`.
    """
    if (space.num_classes, space.input_shape) != (dataset.num_classes, dataset.input_shape):
        raise ValueError(
            f"space {space.name}: expected {dataset.num_classes} classes and images "
            f"{dataset.input_shape} as {dataset.name} has, received {space.num_classes} and "
            f"{space.input_shape}"
        )
    steps = batching.steps_per_epoch(dataset.train, config.batch_size)
    batching.steps_per_epoch(dataset.validation, config.batch_size)
    distribution.check_batch_size(config.batch_size)
    distribution.check_agreement("data set", dataset.digest)
    precision.check(config.precision)
    with distribution.scope():
        algorithm = algorithms.algorithm(config.algorithm, config, steps)
    if distribution.num_replicas > 1 and not isinstance(algorithm, SupernetAlgorithm):
        raise ValueError(
            f"algorithm {config.algorithm}: expected one replica, since it trains no supernet; "
            f"received {distribution.num_replicas}; use --distribute=none"
        )
    if latencies is not None:
        supernet.check_latencies(space, latencies)
    if config.target:
        if latencies is None:
            raise ValueError("target: expected a latency model with it, received none")
        latencies.check_target(config.target)
    task = Task(
        space=space,
        dataset=dataset,
        latencies=latencies or Latencies.zero(space.candidate_counts),
        config=config,
        directory=pathlib.Path(),
        identity={
            "space": spec_json.to_dict(space),
            "dataset": dataset.summary,
            "latency_model": latencies and latencies.to_dict(),
            "settings": dataclasses.asdict(config) | distribution.settings(config.batch_size),
        },
        train_supernet=lambda algorithm: train_supernet(task, algorithm),
        callbacks=(),
        report=lambda line: None,
        track=lambda items, total, label: items,
        distribution=distribution,
    )
    return task, algorithm


def train_supernet(task: Task, algorithm: StepAlgorithm) -> supernet.Supernet:
    """The supernet after all epochs, whether they are trained now or were before."""
    config, directory, hosts = task.config, task.directory, task.distribution
    steps = batching.steps_per_epoch(task.dataset.train, config.batch_size)
    with hosts.scope():
        net = build_supernet(
            task.space, config, task.latencies, steps, algorithm, hosts.sync_batch_norm
        )
    variables = {
        **checkpoints.named_variables(net, "supernet"),
        **checkpoints.named_variables(net.optimizer, "optimizer"),
        **checkpoints.named_variables(net.arch_optimizer, "arch_optimizer"),
        **net.path_optimizer.variables,
        **net.loss_scale.variables,
        **net.objective.variables,
        **net.algorithm.variables,
    }
    state = checkpoints.RunState(
        directory,
        variables,
        task.identity,
        steps,
        list(net.trackers.values()),
        report=task.report,
        distribution=hosts,
    )
    history = search_callbacks.AlphaHistory(directory / "alphas.npz")
    finished = state.restore(history.read)
    total = config.warmup_epochs + config.epochs
    if finished < total * steps and hosts.is_chief:
        # Networks that were judged by weights which are now trained again.
        (directory / "networks.json").unlink(missing_ok=True)
    unmeasured = search_callbacks.UnmeasuredLogs(
        config.warmup_epochs if algorithm.learns_alpha else total
    )
    # The alphas first: a checkpoint must not know more epochs than the files beside it.
    own = [unmeasured, *([history] if hosts.is_chief else []), state]
    images, learns_alpha = task.dataset, algorithm.learns_alpha
    with batching.named_faults(images.train, images.validation):
        resumable_fit.fit(
            net,
            lambda step: hosts.distribute(
                lambda share: paired_batches(images, config, step, learns_alpha, share)
            ),
            finished,
            total,
            steps,
            state,
            [*own, *task.callbacks],
        )
    return net
