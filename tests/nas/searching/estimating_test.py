import json
import types

import made_workdir
import numpy as np
import pytest

from nas import reading
from nas.architecture import spaces
from nas.choices.additive_estimate import AdditiveEstimate
from nas.searching import estimating

SPACE = made_workdir.space()
EFFECTS = [np.array([-0.1, 0.1]), np.array([0.2, -0.2]), np.array([0.3, 0.0, -0.3])]


@pytest.fixture
def folder(tmp_path):
    """A search that has written its estimate."""
    root = [np.full([len(row), 1], 0.05) for row in EFFECTS]
    task = types.SimpleNamespace(space=SPACE, directory=tmp_path)
    estimating._write(task, AdditiveEstimate(EFFECTS, 0.08, 120, root))
    return tmp_path


def test_an_estimate_is_read_back(folder):
    found = estimating.read(folder, SPACE)
    assert (found.steps, found.noise) == (120, 0.08)
    assert [row.name for row in found.rows] == ["slot 0", "slot 1", "slot 2"]
    assert found.rows[2].effects == (0.3, 0.0, -0.3)
    assert found.rows[0].deviations == (0.05, 0.05)
    assert found.of((1, 0, 2)) == pytest.approx(0.1 + 0.2 - 0.3)


def test_a_search_without_one_has_none(tmp_path):
    assert estimating.read(tmp_path, SPACE) is None


def test_that_of_another_space_is_refused(folder):
    with pytest.raises(reading.FileFault, match="rows: expected the rows and options of space cif"):
        estimating.read(folder, spaces.load_space("cifar"))


def test_an_effect_too_few_is_refused(folder):
    path = folder / estimating.FILE_NAME
    content = json.loads(path.read_text())
    content["rows"][1]["effects"] = [0.2]
    path.write_text(json.dumps(content))
    with pytest.raises(reading.FileFault, match=r"rows\[1\]: expected 2 effects, received 1"):
        estimating.read(folder, SPACE)
