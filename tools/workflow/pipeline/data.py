"""The data set of a pipeline, checked against its batch sizes."""

import dataclasses

from nas.data import batching
from nas.data.splits.dataset import Dataset
from nas.pretrained import init_names
from tools.terminal import console
from tools.workflow import image_regime, search_plan, stages
from tools.workflow.pipeline.settings import Settings


def load_dataset(
    settings: Settings, prepare: bool = True, resolution: int | None = None
) -> Dataset:
    """Reads the data set; prepares it first if `prepare` is set.

    Args:
        settings: the checked settings.
        prepare: whether the data set may be prepared and cached.
        resolution: height and width to resize images to, in pixels. If not given, and not in the
            settings either: that of the preset's child if it is a file, otherwise the images' own.

    Raises:
        ValueError: the data set is not available, or has too few images for the preset's batches.
    """
    preset = settings.preset
    images = settings.images
    if resolution is None and images.resolution is None and preset.child is not None:
        resolution = stages.own_resolution(preset.child)
    if resolution is not None:
        images = dataclasses.replace(images, resolution=resolution)
    dataset = stages.load_dataset(
        preset.dataset,
        settings.data_dir,
        seed=settings.seed,
        validation_size=preset.validation_size,
        max_train_examples=settings.max_train_examples,
        images=images,
        prepare=prepare,
    )
    batch_size = preset.search.batch_size
    fewest = min(len(dataset.train), len(dataset.validation))
    if preset.child is None and fewest < batch_size:
        raise ValueError(
            f"{dataset.name}: expected at least {batch_size} images (the preset's batch size) for "
            f"the weights and as many for the architecture; received {len(dataset.train)} and "
            f"{len(dataset.validation)}; use more images and another --workdir"
        )
    batching.steps_per_epoch(dataset.train_and_validation, preset.train.batch_size)
    return dataset


def show(settings: Settings, dataset: Dataset) -> None:
    """Prints the sizes of the splits, and a caution if the images are too few for the preset."""
    console.say(f"  {search_plan.data_text(dataset)}")
    # Who asks for few images of many knows.
    is_chosen = settings.max_train_examples or init_names.is_pretrained(settings.preset.init)
    if image_regime.is_few(dataset) and not is_chosen:
        console.say(
            f"  caution: training images: {image_regime.text(dataset, settings.preset.init)}"
        )
