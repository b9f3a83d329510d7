import types

import numpy as np
import pytest

from tools.workflow import image_regime


def _dataset(counts, channels=3):
    labels = np.repeat(np.arange(len(counts)), counts)
    return types.SimpleNamespace(
        train_and_validation=types.SimpleNamespace(labels=labels),
        num_classes=len(counts),
        channels=channels,
    )


@pytest.mark.parametrize(("counts", "few"), [((999, 999), True), ((1000, 1000), False)])
def test_few_images_are_less_than_a_thousand_a_class(counts, few):
    assert image_regime.is_few(_dataset(counts)) == few


def test_one_large_class_does_not_make_the_others_larger():
    assert image_regime.images_per_class(_dataset((40, 60, 20_000))) == 60


def test_too_few_images_name_the_remedy_and_a_pretrained_start_does_not():
    few = _dataset((220, 220))
    assert "220 a class, too few to train from nothing" in image_regime.text(few)
    assert "--preset=photos" in image_regime.text(few, "random")
    assert "--preset" not in image_regime.text(few, "imagenet")
    assert "--channels=rgb" in image_regime.text(_dataset((220, 220), channels=1))
    assert "--channels" not in image_regime.text(few)
    assert "enough" in image_regime.text(_dataset((1000, 1000)), "random")
