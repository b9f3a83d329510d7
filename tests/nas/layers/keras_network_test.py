import dataclasses

import keras
import pytest

from nas.architecture import spaces
from nas.architecture.blocks import Stem
from nas.layers import keras_network

SPACE = spaces.SPACES["tiny"]
CHILD = SPACE.child([1] * len(SPACE.slots))


def test_network_is_recognized_by_its_description_and_by_no_other():
    model = keras_network.build_child(CHILD)
    keras_network.check_built_from(model, CHILD)
    keras_network.check_built_from(keras.models.clone_model(model), CHILD)
    for other in (
        SPACE.child([0] * len(SPACE.slots)),
        dataclasses.replace(CHILD, num_classes=CHILD.num_classes + 1),
        dataclasses.replace(CHILD, stem=Stem(CHILD.stem.width, activation="relu")),
        dataclasses.replace(CHILD, layers=CHILD.layers[:-1]),
    ):
        with pytest.raises(ValueError, match="is not the network of its description"):
            keras_network.check_built_from(model, other)
