"""Weights in chunks: the leading block of every weight is found, and nothing else."""

import numpy as np
import pytest
import tensorflow as tf

from nas.supernet.candidates.chunks import Block, ChunkTable

# Two candidates. One bank has a 1x1 kernel, a depthwise kernel of 3x3 or 5x5, and a 3x3 kernel; the
# other has two vectors of one length.
BLOCKS = [
    [
        [Block(1, 6, 12), Block(9, 1, 12), Block(9, 12, 8)],
        [Block(1, 6, 24), Block(25, 1, 24), Block(9, 24, 8)],
    ],
    [[Block(1, 2, 12)], [Block(1, 2, 24)]],
]
# The rows and lengths of these weights in a vector of sizes, which has a zero at its end.
SIDES = [[(0, 1), (2, 1), (1, 3)], [(4, 1)]]
SIZES = {
    0: [(6, 12, 1, 8, 2, 0), (3, 4, 1, 4, 2, 0), (1, 8, 1, 4, 2, 0)],
    1: [(6, 24, 1, 8, 2, 0), (2, 12, 1, 4, 2, 0)],
}


@pytest.fixture(scope="module")
def table():
    return ChunkTable(BLOCKS, SIDES, 4, 5)


@pytest.fixture(scope="module")
def weights():
    """Weights by bank and candidate. Every value is another."""
    values = iter(range(10_000))
    return [
        [[np.array([next(values) for _ in range(b.size)]).reshape(b) for b in own] for own in bank]
        for bank in BLOCKS
    ]


def leading(weights, sides, sizes):
    """The leading blocks, cut in another way."""
    pairs = zip(weights, sides, strict=True)
    return np.concatenate([w[:, : sizes[r], : sizes[n]].ravel() for w, (r, n) in pairs])


@pytest.mark.parametrize(("row", "sizes"), [(r, s) for r, sizes in SIZES.items() for s in sizes])
@pytest.mark.parametrize("is_tensor", [False, True])
def test_a_cut_is_the_leading_block_of_every_weight(table, weights, row, sizes, is_tensor):
    chunks = tf.function(table.chunks, autograph=False)
    found = chunks(tf.constant(row) if is_tensor else row, tf.constant(sizes))
    for own, bank, sides in zip(found, weights, SIDES, strict=True):
        values = tf.gather(table.joined(bank), own)
        np.testing.assert_array_equal(np.ravel(values), leading(bank[row], sides, sizes))
        assert len(np.unique(own)) == len(own)


def test_a_group_that_does_not_run_has_one_matrix_of_every_weight(table, weights):
    sizes = 2, 4, 1, 4, 2, 0
    found = table.chunks(table.idle_row, tf.constant(sizes))
    for own, bank, sides in zip(found, weights, SIDES, strict=True):
        firsts = [weight[:1] for weight in bank[0]]
        values = tf.gather(table.joined(bank), own)
        np.testing.assert_array_equal(np.ravel(values), leading(firsts, sides, sizes))


def test_whole_weights_are_found(table, weights):
    for number, bank in enumerate(weights):
        joined = table.joined(bank)
        assert joined.shape == (sum(w.size for own in bank for w in own) // 4, 4)
        for row, own in enumerate(bank):
            for found, weight in zip(table.weights(number, row, joined), own, strict=True):
                np.testing.assert_array_equal(found, weight)


def test_a_bank_may_have_no_weights():
    table = ChunkTable([[[Block(1, 1, 8)]], [[]]], [[(1, 0)], []], 8, 2)
    assert table.joined([[]]).shape == (0, 8)
    assert table.weights(1, 0, np.zeros((0, 8))) == []
    found = table.chunks(tf.constant(0), tf.constant([8, 1, 0]))
    assert [list(own.numpy()) for own in found] == [[0], []]
