"""Networks that are traced once and trained several times from their first state.

Tests of resumed runs train the same network many times, and tracing it would take most of their
time. Inside `kept()`, a search or training gets a network that was made before for the same
settings, with all variables reset to their first values. A run therefore sees nothing of an earlier
run except the files in its folder. It is an error if the training step uses a variable that cannot
be reset.
"""

import contextlib
from collections.abc import Callable, Iterator

import keras
import pytest
import tensorflow as tf

from nas.layers import keras_network
from nas.searching import search
from nas.training import child_training


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Lets equal searches and equal trainings share a traced network inside this context."""
    made: dict[str, _Kept] = {}
    algorithms: dict[str, object] = {}
    build, compiled = search.build_supernet, child_training._compiled
    new_algorithm = search.algorithms.algorithm

    def algorithm(*settings):
        key = repr(settings)
        return algorithms.setdefault(key, new_algorithm(*settings))

    def build_supernet(space, config, latencies, steps, algorithm, sync=True, pretrained=None):
        weights = pretrained and pretrained.digest
        key = repr((space, config, latencies.to_dict(), steps, sync, weights))
        if key not in made:
            net = build(space, config, latencies, steps, algorithm, sync, pretrained)
            _keep_children(net)
            made[key] = _Kept(net, net, _of_supernet(net))
        return made[key].as_new()

    def compiled_child(network, config, steps, distribution, class_weights):
        key = repr((network, config, steps, distribution.num_replicas, class_weights))
        if key not in made:
            model, averages = compiled(network, config, steps, distribution, class_weights)
            of_metrics = [v.value for metric in averages for v in metric.variables]
            made[key] = _Kept((model, averages), model, _of_model(model) + of_metrics)
        return made[key].as_new()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search.algorithms, "algorithm", algorithm)
        patch.setattr(search, "build_supernet", build_supernet)
        patch.setattr(child_training, "_compiled", compiled_child)
        yield


class _Kept:
    """A result to share, the trained model in it, and the first values of its variables."""

    def __init__(self, result, model: keras.Model, variables: list[tf.Variable]) -> None:
        self._result, self._model = result, model
        self._first = [(variable, variable.numpy()) for variable in variables]

    def as_new(self):
        """Returns the result with all its variables reset."""
        known = {id(variable.handle) for variable, _ in self._first}
        unknown = [t for t in _captured(self._model.train_function) if id(t) not in known]
        assert not unknown, f"the training step uses variables that are not reset: {unknown}"
        for variable, value in self._first:
            variable.assign(value)
        return self._result


def _captured(train_function: Callable | None) -> list[tf.Tensor]:
    """The handles of all variables that a traced training step of Keras uses."""
    cells = getattr(train_function, "__closure__", None) or ()
    traced = [cell.cell_contents for cell in cells]
    traced = [each for each in traced if hasattr(each, "_list_all_concrete_functions")]
    assert traced or train_function is None, "Keras keeps its traced step elsewhere"
    return [
        tensor
        for function in traced
        for concrete in function._list_all_concrete_functions()
        for tensor in concrete.captured_inputs
        if tensor.dtype == tf.resource
    ]


def _of_model(model: keras.Model) -> list[tf.Variable]:
    """The variables of a compiled Keras model, of its optimizer and of its metrics."""
    metrics = [variable for metric in model.metrics for variable in metric.variables]
    return [v.value for v in (*model.variables, *model.optimizer.variables, *metrics)]


def _of_supernet(net) -> list[tf.Variable]:
    """All variables that training a supernet changes."""
    trackers = [v for tracker in net.trackers.values() for v in tracker.variables]
    own = [v.value for v in (*net.arch_optimizer.variables, *trackers)]
    others = [net.path_optimizer, net.loss_scale, net.objective, net.algorithm]
    others += [net.observations] if net.observations is not None else []
    return _of_model(net) + own + [v for other in others for v in other.variables.values()]


def _keep_children(net) -> None:
    """Makes `inherit` build each child once, and only set its weights after that."""
    models: dict[object, keras.Model] = {}
    inherit, build = net.inherit, keras_network.build_child

    def build_once(network):
        if network not in models:
            models[network] = build(network)
        return models[network]

    def inherit_into(choices):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(keras_network, "build_child", build_once)
            return inherit(choices)

    net.inherit = inherit_into
