import dataclasses

import pytest

from export import recipes
from export.checks import interpreter
from latency_models.measuring import parts
from nas.architecture import counting, spaces
from nas.architecture.blocks import Block, Slot
from nas.architecture.operations import MBConv, Skip


@pytest.mark.parametrize("name", spaces.SPACES)
def test_parts_of_a_space_are_those_of_its_children(name):
    space = spaces.SPACES[name]
    counts = space.option_counts
    of_children = {
        part.key
        for j in range(max(counts))
        for part in parts.child_parts(space.child([min(j, count - 1) for count in counts]))
        # Of a head with a pooled width to choose, not all combinations are parts.
        if part.kind != "head" or not space.head.decides_pooled_width
    }
    of_space = [part.key for part in parts.space_parts(space)]
    assert len(of_space) == len(set(of_space))
    # With widths, these children have some of the parts only.
    assert of_children <= set(of_space)
    assert space.widths or set(of_space) == of_children


def test_identities_are_no_parts():
    space = spaces.SPACES["tiny"]
    skips = [len(slot.candidates) - 1 for slot in space.slots]
    child = space.child(skips)
    identities = sum(block.is_identity for block in child.layers)
    assert identities > 0
    assert len(parts.child_parts(child)) == 2 + len(child.layers) - identities


def test_macs_of_the_parts_are_the_network_s():
    child = spaces.PUBLISHED_CHILDREN["proxyless_mobile"]
    assert sum(part.num_macs for part in parts.child_parts(child)) == counting.num_macs(child)


@pytest.mark.parametrize(
    "other",
    [
        parts.block_part(Block(MBConv(3, 3), 8, 8), 8),
        parts.block_part(Block(MBConv(5, 3), 8, 8), 16),
        parts.block_part(Block(MBConv(3, 3), 8, 16), 16),
        parts.block_part(Block(MBConv(3, 3), 8, 8, 2), 16),
        parts.block_part(Block(MBConv(3, 3, "relu"), 8, 8), 16),
    ],
)
def test_what_changes_the_computation_changes_the_key(other):
    assert parts.block_part(Block(MBConv(3, 3), 8, 8), 16).key != other.key


def test_name_and_dropout_do_not_change_keys():
    child = spaces.SPACES["tiny"].child([0, 0, 0])
    other = dataclasses.replace(
        child, name="other", head=dataclasses.replace(child.head, dropout=0.5)
    )
    assert parts.network_part(child).key == parts.network_part(other).key
    assert parts.head_part(child).key == parts.head_part(other).key
    assert parts.head_part(child).key != parts.head_part(child.with_task(11)).key


def shapes(part):
    runner = interpreter.load(part.write(recipes.recipe("float32")))
    return [
        tuple(details[0]["shape"])
        for details in (runner.get_input_details(), runner.get_output_details())
    ]


def test_a_part_is_written_as_what_it_says():
    space = spaces.SPACES["tiny"]
    child = space.child([0, 0, 0])
    slot = space.layers[0]
    assert isinstance(slot, Slot)
    assert shapes(parts.stem_part(child)) == [(1, 32, 32, 3), (1, 16, 16, 8)]
    assert shapes(parts.head_part(child)) == [(1, 4, 4, 16), (1, 10)]
    assert shapes(parts.network_part(child)) == [(1, 32, 32, 3), (1, 10)]
    assert shapes(parts.block_part(slot.block(1), 16)) == [(1, 16, 16, 8), (1, 8, 8, 8)]


MOBILE = spaces.PUBLISHED_CHILDREN["proxyless_mobile"]


@pytest.mark.parametrize(
    ("part", "key"),
    [
        (parts.stem_part(MOBILE), "stem-e352b97eb56c"),
        (parts.head_part(MOBILE), "head-85b1af7c0446"),
        (parts.network_part(MOBILE), "network-8e5b9b475a42"),
        (parts.network_part(spaces.SPACES["tiny"].child([1, 1, 2])), "network-cb2368134778"),
        (parts.block_part(Block(MBConv(3, 3), 8, 8), 16), "block-97379f915e05"),
        (parts.block_part(Block(MBConv(5, 6, "relu"), 8, 16, 2), 16), "block-b1962f44a361"),
        (parts.block_part(Block(Skip(), 8, 16, 2), 16), "block-7102d6c9c817"),
    ],
)
def test_keys_are_those_of_what_users_have_measured(part, key):
    assert part.key == key


def later(spec, **fields):
    """A spec of the same class after fields with a default of None were added to it."""
    extended = dataclasses.make_dataclass(
        type(spec).__name__,
        [(name, object, dataclasses.field(default=None)) for name in fields],
        bases=(type(spec),),
        frozen=True,
    )
    own = {field.name: getattr(spec, field.name) for field in dataclasses.fields(spec)}
    return extended(**own, **{k: v for k, v in fields.items() if v is not None})


def test_a_new_field_changes_a_key_only_where_it_is_not_at_its_default():
    block = Block(MBConv(3, 3), 8, 8)
    # Past the validation of the block, which knows the operations of today alone.
    at_default, other = Block(MBConv(3, 3), 8, 8), Block(MBConv(3, 3), 8, 8)
    object.__setattr__(at_default, "op", later(block.op, dilation=None))
    object.__setattr__(other, "op", later(block.op, dilation=2))
    assert parts.block_part(at_default, 16).key == parts.block_part(block, 16).key
    assert parts.block_part(other, 16).key != parts.block_part(block, 16).key
