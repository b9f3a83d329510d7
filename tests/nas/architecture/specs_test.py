import copy
import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.architecture import spaces, spec_json
from nas.architecture.blocks import Block, Head, Slot, Stem
from nas.architecture.operations import MBConv, Skip
from nas.architecture.specs import Child, SearchSpace

OPERATIONS = st.one_of(
    st.just(Skip()),
    st.builds(
        MBConv,
        st.sampled_from([1, 3, 5, 7, 9, 11]),
        st.integers(1, 16),
        st.sampled_from(["relu", "relu6"]),
    ),
)


@st.composite
def random_spaces(draw):
    width = draw(st.integers(1, 64))
    stem = Stem(width, draw(st.sampled_from(range(1, 12, 2))), draw(st.sampled_from([1, 2])))
    layers = []
    # At least one slot, since a space without decisions is refused.
    for is_slot in draw(st.permutations([True, *draw(st.lists(st.booleans(), max_size=4))])):
        place = (width, draw(st.integers(1, 64)))
        stride = draw(st.sampled_from([1, 2]))
        if is_slot:
            operations = draw(st.lists(OPERATIONS, min_size=2, max_size=5, unique=True))
            layers.append(Slot(*place, tuple(operations), stride))
        else:
            layers.append(Block(draw(OPERATIONS), *place, stride))
        width = place[1]
    return SearchSpace(
        name=draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,10}", fullmatch=True)),
        resolution=draw(st.integers(1, 300)),
        num_classes=draw(st.integers(2, 2000)),
        stem=stem,
        layers=tuple(layers),
        head=Head(draw(st.integers(1, 99)), "relu", draw(st.floats(0, 1, exclude_max=True))),
        input_channels=draw(st.sampled_from([1, 3])),
    )


def as_json(spec):
    return json.loads(json.dumps(spec_json.to_dict(spec)))


@given(random_spaces())
@settings(deadline=None, max_examples=50)
def test_a_space_comes_back_from_json_as_it_went(space):
    assert spec_json.from_dict(SearchSpace, as_json(space)) == space


@given(random_spaces(), st.data())
@settings(deadline=None, max_examples=50)
def test_choices_name_the_child_and_the_child_its_choices(space, data):
    choices = tuple(data.draw(st.integers(0, len(s.candidates) - 1)) for s in space.slots)
    child = space.child(choices)
    assert space.choices(child) == choices
    assert spec_json.from_dict(Child, as_json(child)) == child
    assert child.input_resolutions == space.input_resolutions
    assert [block.output_width for block in child.layers] == [
        layer.output_width for layer in space.layers
    ]


def test_files_say_their_schema_version_and_may_carry_notes():
    data = as_json(spaces.SPACES["tiny"])
    assert data["schema_version"] == 1
    noted = {**data, "provenance": {"seed": 3}, "comment": "by hand"}
    assert spec_json.from_dict(SearchSpace, noted) == spaces.SPACES["tiny"]


REMOVE = object()

# Path into the JSON of the tiny space, the new value there, and a part of the error message.
FAULTS = [
    (["schema_version"], 2, "schema_version: expected 1, received 2"),
    (["schema_version"], REMOVE, "schema_version: expected 1, received None"),
    (["name"], "with space", "name: "),
    (["name"], "a/b", "name: "),
    (["name"], "", "name: "),
    (["resolution"], 0, "resolution: .*greater than or equal to 1, received 0"),
    (["resolution"], "32", "resolution: .*integer, received '32'"),
    (["num_classes"], 1, "num_classes: .*2, received 1"),
    (["input_channels"], 2, "input_channels: .*1 or 3, received 2"),
    (["stem"], REMOVE, "stem: expected a value, received none"),
    (["stem", "width"], "16", "stem.width: .*integer, received '16'"),
    (["stem", "width"], 16.0, "stem.width: .*integer, received 16.0"),
    (["stem", "width"], True, "stem.width: .*integer, received True"),
    (["stem", "kernel_size"], 12, "stem.kernel_size: .*11, received 12"),
    (["stem", "stride"], 3, "stem.stride: .*1 or 2, received 3"),
    (["stem", "activation"], "gelu", "stem.activation: .*'relu6', 'hard_swish', received 'gelu'"),
    (["stem", "padding"], 1, "stem.padding: expected no such field, received 1"),
    (["head", "dropout"], 1.0, "head.dropout: .*a number below 1"),
    (["head", "dropout"], float("nan"), "head.dropout: "),
    (["layers"], [], "layers: "),
    (["layers"], {}, "layers: "),
    (["layers", 1, "type"], "slots", r"layers\[1\]: .*'slots'"),
    (["layers", 1, "input_width"], 9, r"layers\[1\].input_width: expected 8 .* received 9"),
    (["layers", 0, "stride"], 0, r"layers\[0\].slot.stride: .*received 0"),
    (["layers", 0, "output_width"], REMOVE, r"layers\[0\].slot.output_width: expected a value"),
    (["layers", 0, "candidates"], [], r"layers\[0\].slot.candidates: .*at least 2"),
    (["layers", 2, "candidates", 0, "kernel_size"], 4, r"mbconv.kernel_size: .*odd.* 4"),
    (["layers", 2, "candidates", 0, "expansion"], 0, r"\[0\].mbconv.expansion: .*received 0"),
    (["layers", 2, "candidates", 0, "kind"], "zero", r"layers\[2\].slot.candidates\[0\]: .*'zero'"),
    (
        ["layers", 2, "candidates", 2, "expansion"],
        3,
        r"\[2\].skip.expansion: expected no such field",
    ),
]


def place_id(value):
    return ".".join(map(str, value)) if isinstance(value, list) else None


@pytest.mark.parametrize(("place", "value", "message"), FAULTS, ids=place_id)
def test_a_faulty_file_is_refused_with_the_place_of_the_fault(place, value, message):
    data = as_json(spaces.SPACES["tiny"])
    target = data
    for step in place[:-1]:
        target = target[step]
    if value is REMOVE:
        del target[place[-1]]
    else:
        target[place[-1]] = value
    with pytest.raises(ValueError, match=f"^my.json: .*{message}"):
        spec_json.from_dict(SearchSpace, data, "my.json")


def test_one_operation_twice_in_a_slot_is_refused():
    data = as_json(spaces.SPACES["tiny"])
    candidates = data["layers"][1]["candidates"]
    candidates[1] = copy.deepcopy(candidates[0])
    with pytest.raises(ValueError, match=r"layers\[1\].slot: candidates: .*received one twice"):
        spec_json.from_dict(SearchSpace, data)


def test_a_space_without_decisions_is_refused():
    child = as_json(spaces.SPACES["tiny"].child([0, 0, 0]))
    with pytest.raises(ValueError, match="at least one slot"):
        spec_json.from_dict(SearchSpace, child)


@pytest.mark.parametrize("data", [[], "tiny", None, 3])
def test_what_is_no_object_is_refused(data):
    with pytest.raises(ValueError, match="my.json: expected a search space .an object., received"):
        spec_json.from_dict(SearchSpace, data, "my.json")


@pytest.mark.parametrize(
    ("choices", "message"),
    [([0, 0], "3 choices.*received 2"), ([0, 2, 0], "slot 1: .*below 2, received 2")]
    + [([0, 0, -1], "slot 2: .*received -1")],
)
def test_choices_that_are_none_are_refused(choices, message):
    with pytest.raises(ValueError, match=message):
        spaces.SPACES["tiny"].child(choices)


def test_a_child_of_another_space_has_no_choices():
    tiny = spaces.SPACES["tiny"]
    child = tiny.child([0, 1, 2])
    for other in (
        spaces.SPACES["cifar"].child([0] * 7),
        dataclasses.replace(child, stem=dataclasses.replace(child.stem, kernel_size=5)),
        dataclasses.replace(child, head=Head(64)),
        dataclasses.replace(
            child, layers=(dataclasses.replace(child.layers[0], op=Skip()), *child.layers[1:])
        ),
    ):
        with pytest.raises(ValueError, match="not a network of tiny"):
            tiny.choices(other)


def test_resolutions_are_those_of_same_padding():
    space = spaces.SPACES["proxyless_imagenet"].with_task(10, resolution=75, input_channels=1)
    # 75 -> 38 in the stem, then 19, 10, 5 and 3 after layers with stride 2.
    assert [space.input_resolutions[i] for i in (0, 1, 2, 6, 10, 14, 18, 22)] == [
        *(38, 38, 19, 10, 5, 5, 3, 3)
    ]
    assert space.input_shape == (75, 75, 1)
    assert space.num_classes == 10
    assert space.with_task(7).input_shape == (75, 75, 1)
    child = space.child([0] * 21).with_task(5, 32, 3)
    assert (child.num_classes, child.input_shape) == (5, (32, 32, 3))


def test_blocks_know_their_shortcut():
    assert Block(MBConv(3, 3), 8, 8).has_residual
    assert not Block(MBConv(3, 3), 8, 8, 2).has_residual
    assert not Block(MBConv(3, 3), 8, 16).has_residual
    assert Block(Skip(), 8, 8).is_identity and not Block(Skip(), 8, 8).has_residual
    assert not Block(Skip(), 8, 16).is_identity
    assert Block(MBConv(5, 3), 24, 40, 2).label == "k5 e3, 24 -> 40 / 2"


@pytest.fixture
def picky(monkeypatch):
    """Inverted bottlenecks that refuse stride 2."""

    def refusal(self, input_width, output_width, stride):
        return "expected stride 1" if stride == 2 else None

    monkeypatch.setattr(MBConv, "refusal", refusal)


def test_an_operation_refuses_a_place_by_its_name_in_the_file(picky):
    data = as_json(spaces.SPACES["tiny"])
    strides = [layer["stride"] for layer in data["layers"]]
    i = strides.index(2)
    with pytest.raises(ValueError) as refused:
        spec_json.from_dict(SearchSpace, data, "space.json")
    assert str(refused.value).startswith(
        f"space.json: layers[{i}].slot: candidates[0]: k3 e1 cannot be used here: expected stride 1"
    )


def test_an_operation_refuses_a_place_in_a_child(picky):
    with pytest.raises(ValueError, match="op: k3 e3 cannot be used here: expected stride 1"):
        Block(MBConv(3, 3), 8, 8, 2)
    Block(MBConv(3, 3), 8, 8, 1)
