"""The children of the command that takes every operation through all recipes and programs."""

import typing

import pytest

from export import recipes, support
from nas.architecture.operations import AnyOperation, Skip
from tests.environments import every_operation

KINDS = tuple(every_operation.KINDS)


def test_every_kind_of_operation_and_activation_has_a_child():
    union, _ = typing.get_args(AnyOperation)
    children = [every_operation.child_of(name) for name in KINDS]
    ops = {block.op for child in children for block in child.layers}
    # A skip is a convolution or nothing.
    assert {type(op) for op in ops} == set(typing.get_args(union)) - {Skip}
    assert any(op.kind == "mbconv" and op.se_ratio for op in ops)
    assert {child.stem.activation for child in children} == {"relu", "relu6", "hard_swish"}
    assert len({child.head.pooled_width for child in children}) == 2


@pytest.mark.parametrize("name", KINDS)
def test_only_hard_swish_is_refused_by_recipes(name):
    child = every_operation.child_of(name)
    refused = set()
    for recipe in recipes.RECIPES:
        try:
            support.check(child, recipe)
        except ValueError:
            refused.add(recipe)
    assert refused == (set(support.UNSUPPORTED["hard_swish"]) if name == "hard_swish" else set())
