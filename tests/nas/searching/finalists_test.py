import pytest

from nas.searching import finalists
from nas.searching.search_config import SearchConfig

SEARCH = SearchConfig(
    batch_size=32, learning_rate=5e-4, weight_decay=0.03, label_smoothing=0.05, seed=7
)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_finalist_goes_on_with_the_optimizer_and_the_settings_of_the_supernet(optimizer):
    search = SearchConfig(optimizer=optimizer, batch_size=32, learning_rate=5e-4, weight_decay=0.03)
    training = finalists.training_of(search, 0)
    assert training.optimizer == optimizer
    assert training.learning_rate == 5e-4
    assert training.weight_decay == 0.03
    assert training.batch_size == 32


def test_every_round_is_twice_as_long_and_has_its_own_order():
    rounds = [finalists.training_of(SEARCH, done) for done in range(3)]
    assert [one.epochs for one in rounds] == [SEARCH.finalist_epochs * n for n in (1, 2, 4)]
    assert [one.seed for one in rounds] == [7, 8, 9]


@pytest.mark.parametrize(("init", "frozen"), [("random", False), ("imagenet", True)])
def test_moments_that_were_learned_on_other_images_are_kept(init, frozen):
    search = SearchConfig(init=init, optimizer="adamw", learning_rate=5e-4)
    assert finalists.training_of(search, 0).freeze_moments == frozen


def test_epochs_of_all_rounds_together():
    # Eight of one epoch, four of two, two of four.
    assert finalists.total_epochs(8, 1) == 24
    assert finalists.total_epochs(1, 5) == 0
