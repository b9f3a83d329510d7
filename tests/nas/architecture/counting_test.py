import numpy as np
import pytest

from nas.architecture import counting, spaces


@pytest.mark.parametrize("name", ["tiny", "cifar", "proxyless_imagenet"])
@pytest.mark.parametrize(
    ("of_block", "of_child"),
    [
        (counting.block_macs, counting.num_macs),
        (lambda block, _: counting.block_params(block), counting.num_params),
        (
            lambda block, _: counting.block_bytes(block, 1, 16),
            lambda child: counting.num_bytes(child, 1, 16),
        ),
    ],
)
def test_costs_of_candidates_and_of_the_rest_add_up_to_any_childs(name, of_block, of_child):
    space = spaces.SPACES[name]
    slots, constant = counting.by_candidate(space, of_block, of_child)
    generator = np.random.default_rng(1)
    assert constant > 0
    for _ in range(5):
        choices = [int(generator.integers(len(slot))) for slot in slots]
        expected = of_child(space.child(choices))
        assert constant + sum(slot[c] for slot, c in zip(slots, choices, strict=True)) == expected


def test_bytes_of_a_block_by_hand():

    block = next(b for b in spaces.SPACES["tiny"].slots[0].blocks if b.stages)
    kernels = sum(kernel.size for stage in block.stages for kernel in stage.kernels)
    channels = sum(stage.output_width for stage in block.stages)
    assert counting.block_bytes(block, 1, 16) == kernels + 16 * channels
    assert counting.block_bytes(block, 4, 4) == 4 * kernels + 4 * channels
