"""One search, from a data set and latencies to a child network."""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from nas import (
    algorithms,
    checkpoints,
    data,
    derive,
    files,
    objectives,
    precision,
    recalibration,
    resumable_fit,
    specs,
    supernet,
    training,
)
from nas.latencies import Latencies
from nas.search_config import OPTIMIZERS, SearchConfig
from nas.specs import SearchSpace

# The child's latency is within this fraction of the target, or below a limit by no more, wherever
# the space has such a child.
TARGET_BAND = 0.03

_RECALIBRATION_IMAGES = 2000
_RECALIBRATION_BATCH = 200


@dataclasses.dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        choices: the child's candidate in every slot.
        most_probable: the same by the largest probabilities alone, whatever they cost.
        probabilities: `[slots, most candidates]`, NaN in the padding.
        predicted_cost: the child's latency in milliseconds, or its cost in the unit of the
            latencies that the search was given; None without a target.
        inherited_accuracy: of the child with the supernet's own weights, on the validation part,
            in [0, 1]. The child is trained from scratch; this only says how far the supernet got.
    """

    choices: tuple[int, ...]
    most_probable: tuple[int, ...]
    probabilities: np.ndarray
    predicted_cost: float | None
    inherited_accuracy: float

    @property
    def entropy(self) -> float:
        """Of the path probabilities, mean over the slots, in nats."""
        p = np.nan_to_num(self.probabilities)
        return float(np.mean(np.sum(-p * np.log(np.maximum(p, 1e-30)), axis=1)))


def paired_batches(
    dataset: data.Dataset, config: SearchConfig, first_step: int = 0
) -> tf.data.Dataset:
    """Pairs ((images, labels), (validation images, validation labels)) without end.

    The second is empty in the warm-up and between architecture steps, and costs nothing there.
    """
    steps = data.steps_per_epoch(dataset.train, config.batch_size)
    warmup = config.warmup_epochs * steps
    period = config.arch_period

    def is_due(step: int | tf.Tensor) -> tf.Tensor:
        return tf.logical_and(step >= warmup, (step - warmup) % period == 0)

    first_look = max(0, -(-(first_step - warmup) // period))
    looks = data.training_batches(
        dataset.validation, config.batch_size, config.seed + 1, first_step=first_look
    )
    nothing = looks.element_spec
    empty = tf.data.Dataset.from_tensors(
        tuple(tf.zeros([0, *spec.shape[1:]], spec.dtype) for spec in nothing)
    ).repeat()
    turns = tf.data.Dataset.range(first_step, np.iinfo(np.int64).max)
    turns = turns.map(lambda step: tf.cast(is_due(step), tf.int64))
    validation = tf.data.Dataset.choose_from_datasets([empty, looks], turns)
    weights = data.training_batches(
        dataset.train, config.batch_size, config.seed, first_step=first_step
    )
    return tf.data.Dataset.zip(weights, validation).prefetch(2)


def build_supernet(
    space: SearchSpace, config: SearchConfig, latencies: Latencies | None, steps_per_epoch: int
) -> supernet.Supernet:
    """The supernet of `space`, compiled for `config`."""
    net = supernet.Supernet(space, config.seed, config.precision)
    objective = _objective(config, latencies, steps_per_epoch)
    net.compile(
        optimizer=OPTIMIZERS[config.optimizer](
            _TwoCosines(config, steps_per_epoch), weight_decay=config.weight_decay
        ),
        arch_optimizer=keras.optimizers.Adam(config.arch_learning_rate, 0.0, 0.999),
        algorithm=algorithms.algorithm(config.algorithm),
        objective=objective,
        latencies=latencies,
        label_smoothing=config.label_smoothing,
    )
    return net


def _objective(
    config: SearchConfig, latencies: Latencies | None, steps_per_epoch: int
) -> objectives.Objective:
    if not config.target:
        return objectives.CrossEntropy()
    if latencies is None:
        raise ValueError("target: expected a latency model with it, received none")
    latencies.check_target(config.target)
    # A limit is aimed at from below, so that the child need not be moved far to respect it.
    aim = config.target * (1.0 - TARGET_BAND / 2 if config.is_limit else 1.0)
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
    dataset: data.Dataset,
    latencies: Latencies | None,
    config: SearchConfig,
    directory: files.Path,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    report: Callable[[str], None] = lambda line: None,
) -> SearchResult:
    """Searches, or goes on with a search that was interrupted.

    Args:
        space: with the data set's classes and resolution.
        dataset: its `train` part trains weights, its `validation` part alpha.
        latencies: of the space's candidates; None without a target.
        config: settings.
        directory: gets `metrics.jsonl`, `alphas.npz`, `checkpoints/`; a search found there is
            continued and ends as it would have without interruption, unless space, data set,
            latencies or settings are others: then it starts over.
        callbacks: further Keras callbacks; at batch ends their logs are tensors.
        report: is told, in one line, when an earlier search is dropped.

    Raises:
        ValueError: settings, space, latencies, data set and machine do not fit each other, before
            any work.
    """
    directory = pathlib.Path(directory)
    if (space.num_classes, space.input_shape) != (dataset.num_classes, dataset.input_shape):
        raise ValueError(
            f"space {space.name}: expected {dataset.num_classes} classes and images "
            f"{dataset.input_shape} as {dataset.name} has, received {space.num_classes} and "
            f"{space.input_shape}"
        )
    steps = data.steps_per_epoch(dataset.train, config.batch_size)
    data.steps_per_epoch(dataset.validation, config.batch_size)
    precision.check(config.precision)
    net = build_supernet(space, config, latencies, steps)
    variables = {
        **checkpoints.named_variables(net, "supernet"),
        **checkpoints.named_variables(net.optimizer, "optimizer"),
        **checkpoints.named_variables(net.arch_optimizer, "arch_optimizer"),
        **net.path_optimizer.variables,
        **net.loss_scale.variables,
        **net.objective.variables,
        **net.algorithm.variables,
    }
    identity = {
        "space": specs.to_dict(space),
        "dataset": dataset.summary,
        "latency_model": latencies and latencies.to_dict(),
        "settings": dataclasses.asdict(config),
    }
    state = checkpoints.RunState(
        directory, variables, identity, steps, list(net.trackers.values()), report=report
    )
    history = _AlphaHistory(directory / "alphas.npz")
    finished = state.restore(history.read)
    total = config.warmup_epochs + config.epochs
    # The alphas first: a checkpoint must not know more epochs than the files beside it.
    own = [_WarmupLogs(config.warmup_epochs), history, state]
    resumable_fit.fit(
        net,
        lambda step: paired_batches(dataset, config, first_step=step),
        finished,
        total,
        steps,
        state,
        [*own, *callbacks],
    )
    return _result(net, dataset, latencies, config)


def _result(
    net: supernet.Supernet,
    dataset: data.Dataset,
    latencies: Latencies | None,
    config: SearchConfig,
) -> SearchResult:
    probabilities = net.probabilities
    most_probable = derive.most_probable(probabilities)
    choices, predicted = most_probable, None
    if config.target and latencies is not None:
        choices = _on_target(most_probable, probabilities, latencies, config)
        predicted = latencies.of(choices)
    accuracy = _inherited_accuracy(net, choices, dataset)
    return SearchResult(choices, most_probable, probabilities, predicted, accuracy)


def _on_target(
    most_probable: tuple[int, ...],
    probabilities: np.ndarray,
    latencies: Latencies,
    config: SearchConfig,
) -> tuple[int, ...]:
    """The most probable child, or the most probable one that keeps to the target or the limit."""
    target = config.target
    if config.is_limit:
        least = target * (1.0 - TARGET_BAND)
        return derive.most_probable_within(probabilities, latencies, target, least)
    if config.objective != "target":
        return most_probable
    # Small spaces have no child within 3 % of some targets; then one of the next wider band.
    band = TARGET_BAND
    while True:
        least, most = target * (1.0 - band), max(target * (1.0 + band), latencies.fastest_ms)
        if least <= latencies.of(most_probable) <= most:
            return most_probable
        found = derive.most_probable_within(probabilities, latencies, most, least)
        if latencies.of(found) >= least:
            return found
        band *= 2.0


def _inherited_accuracy(
    net: supernet.Supernet, choices: Sequence[int], dataset: data.Dataset
) -> float:
    model = net.inherit(choices)
    count = min(_RECALIBRATION_IMAGES, len(dataset.train))
    images = data.calibration_images(dataset.train, count)
    recalibration.recalibrate(model, np.array_split(images, -(-count // _RECALIBRATION_BATCH)))
    return training.evaluate(model, dataset.validation)


class _WarmupLogs(keras.callbacks.Callback):
    """Takes what the warm-up does not measure out of its logs, for every callback after it."""

    def __init__(self, warmup_epochs: int) -> None:
        super().__init__()
        self._warmup_epochs = warmup_epochs

    def on_epoch_end(self, epoch, logs=None):
        if epoch < self._warmup_epochs:
            for name in ("validation_loss", "validation_accuracy"):
                (logs or {}).pop(name, None)


class _AlphaHistory(keras.callbacks.Callback):
    """Keeps `alphas` [epochs, slots, most candidates], NaN in the padding, in one .npz file."""

    def __init__(self, path: pathlib.Path) -> None:
        super().__init__()
        self._path = path
        self._alphas: list[np.ndarray] = []

    def read(self, epochs: int) -> bool:
        """Takes the first `epochs` back; False when the file does not hold them."""
        if self._path.exists():
            with np.load(self._path) as stored:
                self._alphas = list(stored["alphas"][:epochs])
        return len(self._alphas) == epochs

    def on_epoch_end(self, epoch, logs=None):
        del logs
        alpha = np.where(self.model.mask, np.array(self.model.alpha), np.nan)
        self._alphas = [*self._alphas[:epoch], alpha]
        files.write_with(self._path, lambda path: np.savez(path, alphas=np.stack(self._alphas)))
