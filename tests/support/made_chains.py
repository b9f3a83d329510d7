"""Small chains with widths and resolutions, and every one of their networks, by enumeration."""

import itertools

import numpy as np

from nas.choices.chain_costs import ChainCosts
from nas.choices.layer_costs import LayerCosts

# Every layer: whether its cost depends on the resolution, and its rows: operation, before, after.
# Three stages of one width each and seven slots.
STAGES = [
    (True, None, None, 7),
    (False, 0, 7, 7),
    (True, 1, 7, 8),
    (True, 2, 8, 8),
    (False, 3, 8, 8),
    (True, 4, 8, 9),
    (False, None, 9, 9),
    (True, 5, 9, 9),
    (True, 6, 9, 9),
    (True, None, 9, None),
]
STAGES_COUNTS = [2, 3, 2, 2, 2, 1, 2, 3, 2, 3, 2]
# A width on both ends, and fixed widths between two decisions.
FIXED_PIECES = [
    (False, 0, 4, 4),
    (False, None, 4, None),
    (True, 1, None, None),
    (True, None, None, None),
    (False, None, None, 5),
    (True, 2, 5, 6),
    (True, 3, 6, 6),
]
FIXED_PIECES_COUNTS = [3, 2, 3, 2, 3, 2, 3, 2]
# Without a row for the resolution.
ONE_RESOLUTION = [(False, *layer[1:]) for layer in FIXED_PIECES]
ONE_RESOLUTION_COUNTS = FIXED_PIECES_COUNTS[:-1]

CHAINS = {
    "stages": (STAGES, STAGES_COUNTS, True),
    "fixed_pieces": (FIXED_PIECES, FIXED_PIECES_COUNTS, True),
    "one_resolution": (ONE_RESOLUTION, ONE_RESOLUTION_COUNTS, False),
}


class MadeChain:
    """A chain with random costs.

    Args:
        name: one of `CHAINS`.
        seed: of the costs.
        whole: whether all costs are whole numbers.

    Attributes:
        costs: the chain.
        tables: costs of the layers; each with the rows of its axes, without axes of length 1.
        networks: `[networks, rows]`, the choices of every network.
        totals: `[networks]`, their costs.
    """

    def __init__(self, name, seed=0, whole=False):
        layout, self.counts, has_resolution = CHAINS[name]
        rng = np.random.default_rng(seed)
        resolution = len(self.counts) - 1 if has_resolution else None
        self.tables, layers = [], []
        for by_resolution, operation, before, after in layout:
            rows = [resolution if by_resolution else None, operation, before]
            rows.append(None if before == after else after)
            full = [1 if row is None else self.counts[row] for row in rows]
            costs = rng.integers(0, 30, full).astype(float) if whole else rng.uniform(0, 5, full)
            layers.append(LayerCosts(costs, operation, before, after))
            present = [row for row in rows if row is not None]
            self.tables.append((costs.reshape([self.counts[row] for row in present]), present))
        self.costs = ChainCosts(layers, resolution)
        self.networks = np.array(list(itertools.product(*map(range, self.counts))))
        self.totals = sum(
            np.broadcast_to(table[tuple(self.networks[:, row] for row in rows)], len(self.networks))
            for table, rows in self.tables
        )

    def random_probabilities(self, seed=0):
        """Probabilities `[rows, options]` that add up to one in every row, zero in the padding."""
        p = np.random.default_rng(seed).uniform(0.1, 1.0, [len(self.counts), max(self.counts)])
        p = np.where(np.arange(max(self.counts)) < np.array(self.counts)[:, None], p, 0.0)
        return p / p.sum(axis=1, keepdims=True)

    def chances(self, p, without=None):
        """Probability of every network, without the factor of one row if it is given."""
        factors = [
            p[row, self.networks[:, row]] for row in range(len(self.counts)) if row != without
        ]
        return np.prod(factors, axis=0)

    def given(self, p, values):
        """Mean of `values` `[networks]` given each option, `[rows, options]`."""
        found = np.zeros(p.shape)
        for row, count in enumerate(self.counts):
            weighted = self.chances(p, without=row) * values
            for option in range(count):
                found[row, option] = weighted[self.networks[:, row] == option].sum()
        return found
