"""Chooses the child among finalists: each is trained a little, and half of them drop out each time.

What a young supernet says of networks is biased: it prefers what learns fast. So the search ends
with networks that are trained on their own, as in successive halving (Jamieson & Talwalkar 2016).
In a round every finalist goes on from the weights that it has, at first those of the supernet, for
the same number of epochs along a cosine; it is judged on the whole architecture-validation split;
the better half stays. Every round has twice as many epochs as the one before.

`finalists.json` stores every finished round, and a training resumes from its own checkpoints.
"""

import dataclasses
import math
import pathlib
import shutil
from collections.abc import Sequence

import keras

from nas import files, reading, schemas
from nas.file_kinds import RESULT
from nas.layers import keras_file
from nas.pretrained import init_names
from nas.searching import finalist_record, path_accuracy
from nas.searching.algorithms.task import Task
from nas.searching.finalist_record import Finalist, Record
from nas.searching.search_config import SearchConfig
from nas.supernet.supernet import Supernet
from nas.training import child_training
from nas.training.train_config import TrainConfig


def best(
    task: Task, supernet: Supernet, proposed: Sequence[Finalist]
) -> tuple[Finalist, keras.Model]:
    """Returns the last finalist and its model, after rounds of training.

    Resumes those of a stopped search.

    Args:
        task: the search.
        supernet: its weights are what finalists begin with.
        proposed: the finalists, all different.
    """
    kept = finalist_record.read(task.directory)
    identity = files.as_json(task.identity)
    record = Record(0, tuple(proposed), identity, files.provenance())
    same = kept is not None and (kept.identity, _choices(kept)) == (identity, _choices(record))
    if kept is not None and same:
        record = kept
    else:
        shutil.rmtree(task.directory / "finalists", ignore_errors=True)
        _write(task, record)
    while len(record.left) > 1:
        record = _round(task, supernet, record)
        _write(task, record)
    (winner,) = record.left
    finalist = record.finalists[winner]
    if not record.rounds:
        return finalist, path_accuracy.inherited(supernet, finalist.choices, task.dataset)
    return finalist, _load(_model_path(task, winner, record.rounds - 1))


def total_epochs(count: int, first_epochs: int) -> int:
    """Returns the epochs of all trainings together.

    Args:
        count: number of finalists.
        first_epochs: epochs of each one's first training.
    """
    total, epochs = 0, first_epochs
    while count > 1:
        total += count * epochs
        count, epochs = math.ceil(count / 2), 2 * epochs
    return total


def training_of(config: SearchConfig, done: int) -> TrainConfig:
    """Returns the settings of a finalist's training, those of the supernet's weights.

    Args:
        config: settings of the search.
        done: rounds before it.
    """
    return TrainConfig(
        epochs=config.finalist_epochs * 2**done,
        batch_size=config.batch_size,
        seed=config.seed + done,
        optimizer=config.optimizer,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        label_smoothing=config.label_smoothing,
        precision=config.precision,
        # Few images have worse moments than those that the network got on all of them.
        freeze_moments=init_names.is_pretrained(config.init),
    )


def _choices(record: Record) -> list[tuple[int, ...]]:
    return [finalist.choices for finalist in record.finalists]


def _write(task: Task, record: Record) -> None:
    files.write_json(task.directory / finalist_record.FILE_NAME, dataclasses.asdict(record))


def _round(task: Task, supernet: Supernet, record: Record) -> Record:
    """Trains and judges those that are left, once."""
    judged = list(record.finalists)
    left = record.left
    label = f"finalists, round {record.rounds + 1}: {len(left)} networks"
    for i in task.track(left, len(left), label):
        finalist = judged[i]
        loss, accuracy = _trained(task, supernet, finalist, i, record.rounds)
        judged[i] = dataclasses.replace(
            finalist,
            accuracies=(*finalist.accuracies, accuracy),
            losses=(*finalist.losses, loss),
        )
    return dataclasses.replace(record, rounds=record.rounds + 1, finalists=tuple(judged))


def _trained(
    task: Task, supernet: Supernet, finalist: Finalist, index: int, done: int
) -> tuple[float, float]:
    """Returns loss and accuracy after one further training; trains unless they are there."""
    trained = _model_path(task, index, done)
    result, folder = trained.with_suffix(".json"), trained.with_suffix("")
    if reading.exists(result):
        found = schemas.read(finalist_record.Result, result, RESULT, 1)
        return found.loss, found.accuracy
    child = task.space.child(finalist.choices, f"finalist_{index}")
    images = task.dataset.at_resolution(child.resolution)
    if done:
        before = _load(_model_path(task, index, done - 1))
    else:
        before = path_accuracy.inherited(supernet, finalist.choices, task.dataset)
    model = child_training.train(
        child,
        images.without_validation(),
        training_of(task.config, done),
        folder,
        report=task.report,
        initial=before.get_weights(),
    )
    files.write_with(trained, model.save)
    loss, accuracy = child_training.loss_and_accuracy(
        model, images.validation, images.weights_in(images.train)
    )
    files.write_json(result, {"schema_version": 1, "loss": loss, "accuracy": accuracy})
    # The weights are stored, so the checkpoints are no longer needed; the metrics stay.
    shutil.rmtree(folder / "checkpoints")
    return loss, accuracy


def _model_path(task: Task, index: int, done: int) -> pathlib.Path:
    return task.directory / "finalists" / f"{index:02d}" / f"round_{done}.keras"


def _load(path: pathlib.Path) -> keras.Model:
    return keras_file.load(path)
