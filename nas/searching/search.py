"""Runs one search: given a data set and latencies, finds a child network."""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from nas import files, objectives
from nas.architecture import spec_json
from nas.architecture.specs import SearchSpace
from nas.choices import additive_estimate, derive
from nas.choices.candidate_costs import Latencies
from nas.choices.chain_costs import ChainCosts
from nas.data import batching
from nas.data.splits import dataset
from nas.distribution.hosts import Distribution
from nas.layers import precision
from nas.pretrained import init_names
from nas.pretrained.adapting import Seed
from nas.progress import Track, untracked
from nas.searching import algorithms, search_callbacks
from nas.searching.algorithms import SearchResult, SupernetAlgorithm, Task
from nas.searching.learning_rates import TwoCosines
from nas.searching.paired_batches import paired_batches
from nas.searching.search_config import OPTIMIZERS, SearchConfig
from nas.supernet import pretrained_start, supernet
from nas.supernet.learning_network import StepAlgorithm
from nas.supernet.observations import Observations
from nas.training import checkpoints, resumable_fit
from nas.training.diverging import Diverging


def build_supernet(
    space: SearchSpace,
    config: SearchConfig,
    latencies: ChainCosts,
    steps_per_epoch: int,
    algorithm: StepAlgorithm,
    sync_batch_norm: bool = True,
    pretrained: Seed | None = None,
) -> supernet.Supernet:
    """Builds the supernet of `space` and compiles it for `config`."""
    net = supernet.Supernet(space, config.seed, config.precision, sync_batch_norm, pretrained)
    objective: objectives.Objective = objectives.CrossEntropy()
    if config.target:
        objective = _objective(config, latencies, steps_per_epoch)
    net.compile(
        optimizer=OPTIMIZERS[config.optimizer](
            TwoCosines(config, steps_per_epoch),
            weight_decay=config.weight_decay,
            global_clipnorm=config.clip_norm or None,
        ),
        arch_optimizer=keras.optimizers.Adam(config.arch_learning_rate, 0.0, 0.999),
        algorithm=algorithm,
        objective=objective,
        latencies=latencies,
        label_smoothing=config.label_smoothing,
    )
    if config.observes:
        steps = (config.warmup_epochs + config.epochs) * steps_per_epoch
        net.observations = Observations(steps, len(space.option_counts))
    return net


def _objective(
    config: SearchConfig, latencies: ChainCosts, steps_per_epoch: int
) -> objectives.Objective:
    # For a limit the search aims slightly below it, so that the child hardly changes to respect it.
    aim = config.target * (1.0 - derive.TARGET_BAND / 2 if config.is_limit else 1.0)
    epochs = (*config.earlier_epochs, config.epochs)
    num_steps = [-(-count * steps_per_epoch // config.arch_period) for count in epochs]
    make = objectives.OBJECTIVES[config.objective]
    return make(latencies, max(aim, latencies.fastest_ms), num_steps, config.arch_learning_rate)


def search(
    space: SearchSpace,
    dataset: dataset.Dataset,
    latencies: ChainCosts | None,
    config: SearchConfig,
    directory: files.Path,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    report: Callable[[str], None] = lambda line: None,
    track: Track = untracked,
    distribution: Distribution | None = None,
) -> SearchResult:
    """Runs a search, or resumes an interrupted one.

    Args:
        space: the search space, with the data set's classes and resolution.
        dataset: its `train` split trains weights, its `validation` split the architecture.
        latencies: predicted latencies of the space's networks; None without a target.
        config: settings.
        directory: folder for `metrics.jsonl`, `alphas.npz` and the algorithm's other files. A
            search found there is resumed and gives the same result as without interruption. If
            space, data set, latencies or settings have changed, it starts over.
        callbacks: further Keras callbacks; at batch ends their logs are tensors.
        report: receives a line if an earlier search is dropped.
        track: shows progress of work outside of `fit`: (iterable, number of items, label).
        distribution: the devices and hosts to search on; default one. While the chief makes this
            call, the other hosts call `assist`.

    Raises:
        ValueError: before any work, if settings, space, latencies, data set and machine do not fit
            together.

    Example:
        >>> import nas, numpy as np, tempfile
        >>> images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
        >>> data = nas.dataset_from_arrays(images, np.arange(40) % 2, ["cat", "dog"])
        >>> slot = nas.Slot(8, 16, (nas.MBConv(3, 1), nas.MBConv(5, 1)), stride=2)
        >>> space = nas.SearchSpace("mine", 16, 2, nas.Stem(8), (slot,), nas.Head(32))
        >>> latencies = nas.Latencies([[1.0, 3.0]], constant_ms=1.0)
        >>> config = nas.SearchConfig(
        ...     epochs=1, warmup_epochs=0, batch_size=8, target=3.0, is_limit=True
        ... )
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found = nas.search(space, data, latencies, config, folder)
        >>> [block.label for block in space.child(found.choices).layers], found.predicted_cost
        (['k3 e1, 8 -> 16 / 2'], 2.0)
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
    latencies: ChainCosts | None,
    config: SearchConfig,
    distribution: Distribution,
) -> None:
    """Runs the search on a host that is not the chief: trains the supernet and writes no files."""
    task, algorithm = prepare(space, dataset, latencies, config, distribution)
    if isinstance(algorithm, SupernetAlgorithm):
        train_supernet(task, algorithm)


def prepare(
    space: SearchSpace,
    dataset: dataset.Dataset,
    latencies: ChainCosts | None,
    config: SearchConfig,
    distribution: Distribution,
) -> tuple[Task, algorithms.Algorithm]:
    """Checks the input of a search; returns the task and its algorithm, and writes no files.

    Raises:
        ValueError: as for `search`.
    """
    if (space.num_classes, space.input_shape) != (dataset.num_classes, dataset.input_shape):
        raise ValueError(
            f"space {space.name}: expected {dataset.num_classes} classes and images "
            f"{dataset.input_shape} as {dataset.name} has, received {space.num_classes} and "
            f"{space.input_shape}; use a space for this data set"
        )
    steps = batching.steps_per_epoch(dataset.train, config.batch_size)
    batching.steps_per_epoch(dataset.validation, config.batch_size)
    if config.observes:
        additive_estimate.check_steps((config.warmup_epochs + config.epochs) * steps)
    distribution.check_batch_size(config.batch_size)
    distribution.check_agreement("data set", dataset.digest)
    precision.check(config.precision)
    algorithms.check_space(config.algorithm, space)
    algorithms.check_derivation(config)
    seed = pretrained_start.seed_of(space, config.init)
    with distribution.scope():
        algorithm = algorithms.algorithm(config.algorithm, config, steps)
    if distribution.num_replicas > 1 and not isinstance(algorithm, SupernetAlgorithm):
        raise ValueError(
            f"algorithm {config.algorithm}: expected one replica, since it trains no supernet; "
            f"received {distribution.num_replicas}; use --distribute=none"
        )
    if config.init != init_names.RANDOM and not isinstance(algorithm, SupernetAlgorithm):
        raise ValueError(
            f"init: expected random with algorithm {config.algorithm}, which trains no supernet, "
            f"received {config.init}"
        )
    if latencies is not None:
        supernet.check_latencies(space, latencies)
    if config.target:
        if latencies is None:
            raise ValueError(
                "target: expected a latency model with it, received none; add one or leave out the "
                "target"
            )
        latencies.check_target(config.target)
    task = Task(
        space=space,
        dataset=dataset,
        latencies=latencies or Latencies.zero(space.option_counts),
        config=config,
        directory=pathlib.Path(),
        identity={
            "space": spec_json.to_dict(space),
            "dataset": dataset.summary,
            "latency_model": latencies and latencies.to_dict(),
            "settings": config.identity | distribution.settings(config.batch_size),
            **_weight_layout(space, algorithm),
            **({"pretrained": seed.digest} if seed else {}),
        },
        train_supernet=lambda algorithm: train_supernet(task, algorithm),
        callbacks=(),
        report=lambda line: None,
        track=untracked,
        distribution=distribution,
        pretrained=seed,
    )
    return task, algorithm


def _weight_layout(space: SearchSpace, algorithm: algorithms.Algorithm) -> dict[str, str]:
    """Returns how a supernet keeps its weights, if that was otherwise in an earlier version."""
    is_cut = bool(space.widths) and isinstance(algorithm, SupernetAlgorithm)
    return {"weight_layout": "chunks"} if is_cut else {}


def run_variables(net: supernet.Supernet) -> dict[str, tf.Variable]:
    """Returns all variables that a search changes, by name."""
    return {
        **checkpoints.named_variables(net, "supernet"),
        **checkpoints.named_variables(net.optimizer, "optimizer"),
        **checkpoints.named_variables(net.arch_optimizer, "arch_optimizer"),
        **net.path_optimizer.variables,
        **net.loss_scale.variables,
        **net.objective.variables,
        **net.algorithm.variables,
        **(net.observations.variables if net.observations else {}),
    }


def train_supernet(task: Task, algorithm: StepAlgorithm) -> supernet.Supernet:
    """Returns the trained supernet; trains only the epochs that are not finished yet."""
    config, directory, hosts = task.config, task.directory, task.distribution
    steps = batching.steps_per_epoch(task.dataset.train, config.batch_size)
    seed = task.pretrained
    with hosts.scope():
        net = build_supernet(
            task.space, config, task.latencies, steps, algorithm, hosts.sync_batch_norm, seed
        )
    net.class_weights = task.dataset.weights_in(task.dataset.train)
    state = checkpoints.RunState(
        directory,
        run_variables(net),
        task.identity,
        steps,
        list(net.trackers.values()),
        report=task.report,
        distribution=hosts,
        diverging=Diverging(task.space.num_classes, net.optimizer),
    )
    history = search_callbacks.AlphaHistory(directory / "alphas.npz")
    finished = state.restore(history.read)
    if seed is not None and not finished:
        pretrained_start.prefer_seed(net, seed)
        pretrained_start.fit_classifier(net, seed, task.dataset.train)
    total = config.warmup_epochs + config.epochs
    if finished < total * steps and hosts.is_chief:
        # Its networks were evaluated with other weights than those trained now.
        (directory / "networks.json").unlink(missing_ok=True)
    unmeasured = search_callbacks.UnmeasuredLogs(
        config.warmup_epochs if algorithm.learns_alpha else total
    )
    # The alphas are written first: a checkpoint must not cover more epochs than the other files.
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
