import keras
import pytest

from nas.distribution import replicated_fit


def test_what_replicas_honour_is_accepted():
    replicated_fit.check_settings(keras.optimizers.Adam(0.01, 0.0), run_eagerly=False)


@pytest.mark.parametrize(
    "setting",
    [{"clipnorm": 1.0}, {"global_clipnorm": 1.0}, {"weight_decay": 0.1}, {"use_ema": True}],
)
def test_settings_of_the_optimizer_that_would_be_ignored_are_refused(setting):
    (name,) = setting
    with pytest.raises(ValueError, match=f"arch_optimizer: expected no {name} with"):
        replicated_fit.check_settings(keras.optimizers.Adam(0.01, **setting))


@pytest.mark.parametrize(("name", "value"), [("run_eagerly", True), ("steps_per_execution", 4)])
def test_ways_of_fitting_that_would_be_ignored_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name}: expected .* with several replicas, received"):
        replicated_fit.check_settings(keras.optimizers.Adam(), **{name: value})
