import dataclasses

import keras
import pytest

from nas import child, spaces
from nas.specs import Stem

SPACE = spaces.SPACES["tiny"]
CHILD = SPACE.child([1] * len(SPACE.slots))


def test_network_is_recognized_by_its_description_and_by_no_other():
    model = child.build_child(CHILD)
    child.check_built_from(model, CHILD)
    child.check_built_from(keras.models.clone_model(model), CHILD)
    for other in (
        SPACE.child([0] * len(SPACE.slots)),
        dataclasses.replace(CHILD, num_classes=CHILD.num_classes + 1),
        dataclasses.replace(CHILD, stem=Stem(CHILD.stem.width, activation="relu")),
        dataclasses.replace(CHILD, layers=CHILD.layers[:-1]),
    ):
        with pytest.raises(ValueError, match="is not the network of its description"):
            child.check_built_from(model, other)
