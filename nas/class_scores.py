"""Accuracy where classes are of different sizes.

If one class has most of the images, a network that always names it has a high accuracy and is of no
use. The balanced accuracy, the mean of the accuracies of all classes, is then the one to read.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

# The largest class of a data set over its smallest, from which on accuracy alone says little.
_UNEVEN = 4.0
_SHOWN = 6

KINDS = ("none", "balanced")


@dataclasses.dataclass(frozen=True)
class ClassScores:
    """How well a classifier does on images of several classes.

    Attributes:
        accuracy: share of correct answers.
        balanced_accuracy: mean of the accuracies of the classes that have images.
        by_class: accuracy of each class; None for a class without images.
        majority_class: number of the class with the most images.
        majority_accuracy: accuracy of always answering that class.
    """

    accuracy: float
    balanced_accuracy: float
    by_class: tuple[float | None, ...]
    majority_class: int
    majority_accuracy: float

    def to_dict(self, class_names: Sequence[str]) -> dict[str, Any]:
        """Returns all but the accuracy as JSON values, with classes by name."""
        return {
            "balanced_accuracy": self.balanced_accuracy,
            "accuracy_by_class": dict(zip(class_names, self.by_class, strict=True)),
            "majority_class": class_names[self.majority_class],
            "majority_accuracy": self.majority_accuracy,
        }


def scores(labels: np.ndarray, predicted: np.ndarray, num_classes: int) -> ClassScores:
    """Compares predicted classes with the true ones.

    Args:
        labels: true classes `[n]`.
        predicted: predicted classes `[n]`.
        num_classes: number of classes.

    Example:
        >>> found = scores(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0]), 3)
        >>> found.accuracy, found.balanced_accuracy, found.by_class, found.majority_accuracy
        (0.75, 0.5, (1.0, 0.0, None), 0.75)
    """
    # Imported here, since it takes half a second and few commands need it.
    from sklearn import metrics

    sizes = np.bincount(labels, minlength=num_classes)
    recalls = metrics.recall_score(
        labels, predicted, labels=np.arange(num_classes), average=None, zero_division=0.0
    )
    by_class = tuple(float(r) if n else None for r, n in zip(recalls, sizes, strict=True))
    most = int(sizes.argmax())
    return ClassScores(
        accuracy=float(np.mean(labels == predicted)),
        balanced_accuracy=float(np.mean([r for r in by_class if r is not None])),
        by_class=by_class,
        majority_class=most,
        majority_accuracy=float(sizes[most] / len(labels)),
    )


def sentence(found: dict[str, Any]) -> str:
    """Says in one line what stands beside an accuracy.

    Args:
        found: as from `ClassScores.to_dict`.
    """
    by_class = {
        name: value for name, value in found["accuracy_by_class"].items() if value is not None
    }
    worst_first = sorted(by_class, key=lambda name: by_class[name])
    shown = list(by_class) if len(by_class) <= _SHOWN else worst_first[:_SHOWN]
    listed = ", ".join(f"{name} {100 * by_class[name]:.1f} %" for name in shown)
    lowest = "lowest of " if len(by_class) > _SHOWN else ""
    count = f"{len(by_class)} classes" if lowest else "by class"
    return (
        f"balanced accuracy {100 * found['balanced_accuracy']:.2f} %; {lowest}{count}: {listed}; "
        f"always answering {found['majority_class']} has {100 * found['majority_accuracy']:.2f} %"
    )


def caution(labels: np.ndarray, class_names: Sequence[str], kind: str) -> str | None:
    """Returns a line if the classes are of very different sizes; None otherwise.

    Args:
        labels: classes of the training images.
        class_names: name of each class.
        kind: how the classes are weighted, one of `KINDS`.
    """
    sizes = np.bincount(labels, minlength=len(class_names))
    least, most = int(sizes.argmin()), int(sizes.argmax())
    if sizes[most] < _UNEVEN * max(1, sizes[least]):
        return None
    unequal = (
        f"the classes are of unequal size ({class_names[most]} has {sizes[most]:,} training "
        f"images, {class_names[least]} {sizes[least]:,}): read the balanced accuracy"
    )
    if kind == "balanced":
        return f"{unequal}; --class_weights=balanced lets every class count alike"
    return f"{unequal}, and let every class count alike with --class_weights=balanced"


def weights(labels: np.ndarray, num_classes: int, kind: str) -> np.ndarray | None:
    """Returns the weight of each class in a loss, float32 `[num_classes]`; None if all are equal.

    Balanced weights are inversely proportional to the numbers of images, and 1 on average over the
    images. A class without images has the weight 1.

    Example:
        >>> weights(np.array([0, 0, 0, 1]), 2, "balanced").round(2).tolist()
        [0.6700000166893005, 2.0]
    """
    if kind == "none":
        return None
    from sklearn.utils import class_weight

    present = np.unique(labels)
    found = np.ones(num_classes, np.float32)
    found[present] = class_weight.compute_class_weight(kind, classes=present, y=labels)
    return found
