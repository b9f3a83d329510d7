from nas.architecture import counting, spaces
from nas.architecture.operations import MBConv, Skip
from nas.choices import space_costs

SPACE, NETWORK = spaces.SPACES["efficientnet_lite"], spaces.PUBLISHED_CHILDREN["efficientnet_lite0"]


def test_the_published_network_is_the_one_of_the_largest_widths():
    choices = SPACE.choices(NETWORK)
    assert SPACE.child(choices, NETWORK.name) == NETWORK
    assert all(SPACE.widths[k][choices[row]] == max(SPACE.widths[k]) for k, row in _rows())
    assert space_costs.macs_of(SPACE).of(choices) == counting.num_macs(NETWORK)
    assert space_costs.params_of(SPACE).of(choices) == 4_652_008


def _rows():
    return SPACE.width_rows.items()


def test_a_slot_for_every_block_but_the_first():
    grid = {MBConv(k, e) for k in (3, 5, 7) for e in (3, 6)}
    assert len(SPACE.slots) == len(NETWORK.layers) - 1 == 15
    assert all(set(slot.candidates) - {Skip()} == grid for slot in SPACE.slots)
    skips = [Skip() in slot.candidates for slot in SPACE.slots]
    # The first block of a stage changes the shape.
    assert [not s for s in skips] == [i in (0, 2, 4, 7, 10, 14) for i in range(15)]
    assert SPACE.resolutions == (64, 80, 96, 112, 128, 160, 192, 224)


def test_numbers_of_its_networks():
    macs = space_costs.macs_of(SPACE)
    assert SPACE.cardinality == 6**6 * 7**9 * 2 * 3**5 * 8
    least, most = MBConv(3, 3), MBConv(7, 6)
    smallest = [Skip() if Skip() in s.candidates else least for s in SPACE.slots]
    fastest = [s.candidates.index(op) for s, op in zip(SPACE.slots, smallest, strict=True)]
    slowest = [s.candidates.index(most) for s in SPACE.slots]
    widest = [len(numbers) - 1 for numbers in SPACE.widths.values()]
    assert macs.fastest_ms == counting.num_macs(SPACE.child([*fastest, *[0] * 6, 0]))
    assert macs.slowest_ms == counting.num_macs(SPACE.child([*slowest, *widest, 7]))
