"""Chooses which parts of a space are timed where timing all of them would take too long.

A space with width decisions or several resolutions has hundreds to thousands of distinct parts. A
regression needs few of them, if these cover the decisions. The choice has two steps:

1. Covering. Every layer occurs with each of its operations, with every number of the widths on its
   two sides and with every resolution; every operation occurs with every resolution, and at the
   smallest and the largest multiply-accumulates that it can have. So does every feature
   (`latency_models.measuring.features`) with its smallest and its largest value, in every tile, so
   that the regression extrapolates for no part of the space. The parts are chosen greedily: always
   the one that covers most of what is left (Chvatal, "A greedy heuristic for the set-covering
   problem", 1979).
2. Filling. Always the part farthest from all that were chosen (maximin design: Johnson, Moore and
   Ylvisaker 1990; greedy: Gonzalez 1985). The distance is that of the logarithms of the features,
   since latency is a product of sizes and relative errors count.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from latency_models.measuring import features, parts, tiles
from latency_models.measuring.parts import Part
from nas.architecture.part_grids import Parts, part_grids
from nas.architecture.specs import SearchSpace

DEFAULT_PARTS = 120
"""Parts of a space with width decisions or several resolutions that are timed by default, unless
more are needed. With twice or three times as many, held-out networks were predicted no better."""

# The default has at least this many times as many parts as cover the decisions.
_MORE_THAN_COVERING = 1.25

Tokens = dict[str, set[Hashable]]


def is_designed(space: SearchSpace) -> bool:
    """Whether a space decides about widths or resolutions, so that a subset of parts is timed."""
    return bool(space.widths) or space.resolution_row is not None


def chosen(space: SearchSpace, count: int | None = None, seed: int = 0) -> list[Part]:
    """Returns the parts of `space` to time, in the order of `parts.space_parts`.

    Args:
        space: the search space.
        count: how many; 0 for all. By default all of a space that decides only about operations,
            else `DEFAULT_PARTS`, or more if the decisions are many.
        seed: decides between parts that are equally good.

    Raises:
        ValueError: `count` parts do not cover the decisions of the space.
    """
    everything = parts.space_parts(space)
    if count == 0 or (count is None and not is_designed(space)) or (count or 0) >= len(everything):
        return everything
    covering = _covering(space, everything, seed)
    if count is None:
        count = max(DEFAULT_PARTS, round(_MORE_THAN_COVERING * len(covering)))
        if count >= len(everything):
            return everything
    if count < len(covering):
        raise ValueError(
            f"parts: expected at least {len(covering)}, which cover the decisions of "
            f"{space.name}, or 0 for all {len(everything)}; received {count}"
        )
    kept = _filled(covering, _positions(everything), min(count, len(everything)))
    return [everything[i] for i in sorted(kept)]


def _covering(space: SearchSpace, everything: Sequence[Part], seed: int) -> list[int]:
    """Returns indices of parts that together have every token."""
    tokens = _tokens(space)
    sets = [tokens[part.key] for part in everything]
    for token, index in _extremes(everything):
        sets[index].add(token)
    columns = {token: i for i, token in enumerate(dict.fromkeys(t for own in sets for t in own))}
    has = np.zeros((len(everything), len(columns)), np.float32)
    for row, own in zip(has, sets, strict=True):
        row[[columns[token] for token in own]] = 1.0
    order = np.random.default_rng(seed).permutation(len(everything))
    left = np.ones(len(columns), np.float32)
    found: list[int] = []
    while left.any():
        found.append(int(order[(has @ left)[order].argmax()]))
        left[has[found[-1]] > 0.0] = 0.0
    return found


def _tokens(space: SearchSpace) -> Tokens:
    """Returns what each part covers, by its key."""
    found: Tokens = {}
    grids = part_grids(space, Parts(parts.stem_part, parts.block_part, parts.head_part))
    for layer, grid in enumerate(grids):
        for (r, op, before, after), part in np.ndenumerate(grid):
            if part is not None:
                own = found.setdefault(part.key, set())
                own |= {("operation", layer, op), ("resolution", layer, r)}
                own |= {("before", layer, before), ("after", layer, after)}
                if part.kind == "block":
                    own.add(("kind", str(part.source.op), r))
    return found


def _extremes(everything: Sequence[Part]) -> list[tuple[Hashable, int]]:
    """Returns tokens of extreme parts, each with the index of the part that has it."""
    found: list[tuple[Hashable, int]] = []
    groups: dict[str, list[int]] = {}
    for i, part in enumerate(everything):
        groups.setdefault(str(part.spec.get("op", part.kind)), []).append(i)
    for name, members in groups.items():
        by_macs = sorted(members, key=lambda i: everything[i].num_macs)
        found += [(("least", name), by_macs[0]), (("most", name), by_macs[-1])]
    for tile in tiles.TILES:
        rows = features.stacked(everything, tile)
        for column, values in enumerate(rows.T):
            used = np.flatnonzero(values)
            if used.size:
                least, most = used[values[used].argmin()], used[values[used].argmax()]
                # Tiles share most of their extremes, so that the tokens are those of parts.
                found += [(("feature", column, int(i)), int(i)) for i in (least, most)]
    return found


def _positions(everything: Sequence[Part]) -> np.ndarray:
    """Returns `[parts, features]`, by whose distance parts differ."""
    return np.log1p(features.stacked(everything))


def _filled(covering: Sequence[int], positions: np.ndarray, count: int) -> list[int]:
    """Returns `count` indices: those given, then always the one farthest from all others."""
    found = list(covering)
    distance = np.full(len(positions), np.inf)
    for i in found:
        distance = np.minimum(distance, ((positions - positions[i]) ** 2).sum(axis=1))
    while len(found) < count:
        found.append(int(distance.argmax()))
        distance = np.minimum(distance, ((positions - positions[found[-1]]) ** 2).sum(axis=1))
    return found
