import json
import math

import pytest

from nas.architecture import spaces
from nas.data import loading
from nas.files import provenance
from nas.searching import search
from nas.searching.search_config import SearchConfig
from tools.experiments.rates import first_epochs

CONFIG = SearchConfig(
    epochs=1, warmup_epochs=1, batch_size=20, warmup_learning_rate=0.2, clip_norm=1.0
)


@pytest.fixture(scope="module")
def dataset(fashion_data_dir):
    return loading.load(
        "fashion_mnist", fashion_data_dir, validation_size=40, max_train_examples=140
    )


@pytest.fixture(scope="module")
def space(dataset):
    return spaces.SPACES["tiny"].with_task(10, dataset.resolution, dataset.channels)


@pytest.fixture(scope="module")
def trainer(space, dataset):
    return first_epochs.FirstEpochs(space, dataset, CONFIG)


def test_an_epoch_is_the_first_one_of_a_search(trainer, space, dataset, tmp_path):
    # Whatever was trained before, an epoch begins anew.
    trainer.run(4.0)
    found = trainer.run(1.0)
    search.search(space, dataset, None, CONFIG, tmp_path)
    row = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[0])
    assert found["loss"] == pytest.approx(row["loss"], abs=1e-4)
    assert found["accuracy"] == pytest.approx(row["accuracy"], abs=1e-4)
    assert found["most_loss"] >= found["loss"]
    assert trainer.run(0.01)["loss"] != found["loss"]


def test_a_rate_that_ends_at_infinity_is_a_row_without_a_loss(trainer, tmp_path):
    found = trainer.run(1e30)
    assert found["loss"] is None and found["most_loss"] is None
    assert math.isfinite(found["accuracy"])
    row = first_epochs.FirstEpoch(space="tiny", settings={}, provenance=provenance(), **found)
    first_epochs.append(tmp_path / "rates.jsonl", row)
    assert first_epochs.read(tmp_path / "rates.jsonl") == [row]
