import pytest

from nas import files
from nas.training import beginning
from nas.training.train_config import FINE_TUNING, SCRATCH


@pytest.mark.parametrize(
    ("init", "expected"), [("random", SCRATCH), ("imagenet", FINE_TUNING), ("a.keras", FINE_TUNING)]
)
def test_pretrained_weights_are_tuned(init, expected, tmp_path):
    assert beginning.suitable_settings(init, tmp_path) == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({"epochs": 3}, SCRATCH), ({"init": "random"}, SCRATCH), ({"init": "imagenet"}, FINE_TUNING)],
)
def test_weights_of_a_search_are_tuned_if_it_began_with_pretrained_ones(
    settings, expected, tmp_path
):
    assert beginning.suitable_settings("search", tmp_path) == SCRATCH
    (tmp_path / "checkpoints").mkdir()
    files.write_json(tmp_path / "checkpoints/run.json", {"settings": settings})
    assert beginning.suitable_settings("search", tmp_path) == expected


def test_a_damaged_run_of_the_search_is_named(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints/run.json").write_text("[]")
    with pytest.raises(ValueError, match=r"run\.json: .*expected"):
        beginning.suitable_settings("search", tmp_path)
