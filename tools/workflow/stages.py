"""The stages between a data set and a measured `.tflite`, shared by all command lines.

Each stage reads and writes files of a work dir. `tools.pipeline` runs them in order, the other
command lines run one of them.
"""

import contextlib
import dataclasses
import pathlib
from typing import Any

import keras

from export import examples, exporting
from export.fine_tuning import jobs
from nas import class_scores, files
from nas.architecture import counting, spaces, spec_json, stride_check
from nas.architecture.specs import Child, SearchSpace
from nas.choices.chain_costs import ChainCosts
from nas.class_scores import ClassScores
from nas.data import image_options, loading, sources, split_record
from nas.data.image_options import ImageOptions
from nas.data.splits.dataset import Dataset
from nas.distribution.hosts import Distribution
from nas.pretrained.initial import Initial
from nas.searching import finalist_record, search, search_config
from nas.training import child_training
from nas.training.train_config import TrainConfig
from tools.terminal import console, finalists_table, fit_progress, notation, search_progress
from tools.workflow import curves


def track(iterable: Any, total: int, label: str) -> Any:
    """Shows progress while a library iterates over `iterable`."""
    return console.progress(iterable, total, label)


def _indented(line: str) -> None:
    console.say(f"  {line}")


def load_dataset(
    name: str,
    data_dir: str | None,
    *,
    seed: int,
    validation_size: int,
    max_train_examples: int = 0,
    images: ImageOptions = image_options.SUITABLE,
    prepare: bool = True,
) -> Dataset:
    """Reads a data set; with `prepare`, prepares it first if needed. Otherwise writes nothing."""
    if prepare:
        sources.prepare(name, data_dir, report=_indented, track=track)
    images = dataclasses.replace(images, keep_decoded=prepare)
    return loading.load(
        name,
        data_dir,
        validation_size=validation_size,
        seed=seed,
        max_train_examples=max_train_examples,
        images=images,
        track=track,
        report=_indented,
    )


def for_dataset(network: Any, dataset: Dataset) -> Any:
    """Adapts a space or a child to the classes, resolution and channels of `dataset`.

    Raises:
        ValueError: the images are too small or far too large for the network's strides.
    """
    fitted = network.with_task(dataset.num_classes, dataset.resolution, dataset.channels)
    stride_check.check(fitted)
    caution = stride_check.caution(network, fitted)
    if caution:
        _indented(caution)
    return fitted


def own_resolution(child: str) -> int | None:
    """The resolution that a network keeps, in pixels; None if it takes that of the images.

    A network in a file keeps its resolution, since a search may have chosen it. A published network
    does not.

    Args:
        child: name of a published network, or a `child.json`.

    Raises:
        ValueError: the name is unknown, or the file is invalid.
    """
    return spaces.load_child(child).resolution if child.endswith(".json") else None


def record_splits(dataset: Dataset, workdir: pathlib.Path) -> list[str]:
    """Records which split each file of an image folder belongs to, and prints what changed.

    Returns:
        Files, relative to the work dir, on which every stage that reads images depends.
    """
    changed = split_record.update(dataset, workdir)
    if changed:
        _indented(changed)
    return [split_record.FILE_NAME] if dataset.files else []


def run_search(
    space: SearchSpace,
    dataset: Dataset,
    latencies: ChainCosts | None,
    config: search_config.SearchConfig,
    workdir: pathlib.Path,
    distribution: Distribution | None = None,
    tensorboard: bool = True,
) -> None:
    """Searches; writes `space.json`, `search/` and `child.json`.

    `tensorboard` says whether to write curves into `search/tensorboard/`.
    """
    files.write_json(
        workdir / "space.json", {**spec_json.to_dict(space), "provenance": files.provenance()}
    )
    quantity = latencies.quantity if latencies else "latency_ms"
    progress = search_progress.SearchProgress(config.target, quantity)
    drawn = [curves.Curves(workdir / "search/tensorboard", config.target)] if tensorboard else []
    with contextlib.closing(progress):
        found = search.search(
            space,
            dataset,
            latencies,
            config,
            workdir / "search",
            [progress, *drawn],
            _indented,
            track,
            distribution,
        )
    child = space.child(found.choices)
    record = finalist_record.read(workdir / "search") if config.finalists > 1 else None
    notes = {
        "choices": found.choices,
        "most_probable": found.most_probable,
        "entropy": found.entropy,
        "validation_accuracy": found.validation_accuracy,
        f"predicted_{quantity}": found.predicted_cost,
        **({"finalists": [*map(dataclasses.asdict, record.finalists)]} if record else {}),
        "search": dataclasses.asdict(config),
    }
    files.write_json(
        workdir / "child.json",
        {**spec_json.to_dict(child), "provenance": files.provenance(**notes)},
    )
    if record:
        console.say(finalists_table.table(record, latencies.unit if latencies else ""))
    _indented(
        f"accuracy {100 * found.validation_accuracy:.2f} % on the architecture-validation images, "
        "with the weights of the search"
    )


def describe(child: Child, space: SearchSpace | None = None) -> str:
    """Lists a network's operations in one line, then the sizes that it has of `space`."""
    operations = " | ".join(block.op.label for block in child.layers)
    sizes = notation.sizes(space, space.choices(child)) if space else ""
    return f"{operations}; {sizes}" if sizes else operations


def run_train(
    child: Child,
    dataset: Dataset,
    config: TrainConfig,
    workdir: pathlib.Path,
    distribution: Distribution | None = None,
    tensorboard: bool = True,
    initial: Initial | None = None,
) -> ClassScores:
    """Trains `child`; writes `train/` and `child.keras`.

    `tensorboard` says whether to write curves into `train/tensorboard/`; `initial` are the weights
    to begin with, random ones if not given.

    Returns:
        Its accuracy on the test images, also by class.
    """
    progress = fit_progress.ProgressCallback("training", ["loss", "accuracy"])
    drawn = [curves.Curves(workdir / "train/tensorboard")] if tensorboard else []
    with contextlib.closing(progress):
        model = child_training.train(
            child,
            dataset,
            config,
            workdir / "train",
            [progress, *drawn],
            _indented,
            distribution,
            initial.arrays if initial else None,
        )
    files.write_with(workdir / "child.keras", model.save)
    return test_scores(model, dataset)


def test_scores(model: keras.Model, dataset: Dataset) -> ClassScores:
    """Returns how well a trained network does on the test images, also by class."""
    predicted = child_training.predicted_classes(model, dataset.test, track)
    return class_scores.scores(dataset.test.labels, predicted, dataset.num_classes)


def run_export(
    recipes: tuple[str, ...],
    dataset: Dataset,
    seed: int,
    workdir: pathlib.Path,
    failed: dict[str, str] | None = None,
) -> dict[str, dict[str, Any]]:
    """Exports `child.keras` with every recipe; returns the comparisons. See `exporting.export`."""
    return exporting.export(
        workdir / "child.keras",
        recipes,
        workdir,
        examples.from_dataset(dataset, seed),
        exporting.describe(workdir / "child.keras", dataset),
        jobs.Settings(seed=seed),
        _indented,
        track,
        failed,
    )


def size_of(child: Child) -> dict[str, int]:
    """Numbers of parameters and multiply-accumulates of `child`."""
    return {"params": counting.num_params(child), "macs": counting.num_macs(child)}
