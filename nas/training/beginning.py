"""What a training does before its first step if it begins with the weights of a seed."""

import keras
import numpy as np

from nas.data import batching
from nas.data.splits.split import Split
from nas.training import closed_form_head, recalibration


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
