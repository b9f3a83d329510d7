"""What a training does before its first step if it begins with given weights."""

import keras
import numpy as np

from nas import files
from nas.data import batching
from nas.data.splits.split import Split
from nas.pretrained import init_names
from nas.training import closed_form_head, recalibration, run_identity
from nas.training.train_config import FINE_TUNING, SCRATCH, TrainConfig


def suitable_settings(init: str, search: files.Path) -> TrainConfig:
    """Returns the settings of a training that suit the weights which it begins with.

    Args:
        init: `random`, `search`, or as for `nas.pretrained.seeds.load`.
        search: folder of the search whose weights `search` stands for. If it began with pretrained
            weights, they are tuned further.

    Raises:
        ValueError: the `run.json` of the search cannot be read.
    """
    began = init
    if init == init_names.SEARCH:
        began = run_identity.settings_of(search).get("init", init_names.RANDOM)
    return FINE_TUNING if init_names.is_pretrained(began) else SCRATCH


def measure_moments(model: keras.Model, split: Split) -> None:
    """Measures the moments of batch normalization of a network that was cut out of its seed.

    On a network that was not cut this does harm: moments of ImageNet are better than those of a few
    images.
    """
    recalibration.recalibrate(model, recalibration.batches(split))


def fit_classifier(model: keras.Model, split: Split) -> None:
    """Fits the classifier in closed form to the features of all images of a split.

    Args:
        model: a network with stock layers, of which `logits` is the last.
        split: the images, seen without augmentation.
    """
    classifier = model.get_layer("logits")
    features = keras.Model(model.inputs, classifier.input)
    found, labels = [], []
    batch_size = split.images_at_once(recalibration.BATCH)
    for images, own in batching.evaluation_batches(split, batch_size):
        found.append(features.predict_on_batch(images))
        labels.append(np.asarray(own))
    classes = classifier.kernel.shape[-1]
    classifier.set_weights(
        closed_form_head.fit(np.concatenate(found), np.concatenate(labels), classes)
    )
