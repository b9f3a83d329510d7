"""Says which images are in a data set several times, and whether that makes its accuracy wrong."""

import collections
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from nas.data.splits.likeness import Likeness
from nas.data.splits.split import Split

_SHOWN = 3


class _Place(NamedTuple):
    part: str
    label: int
    name: str


def describe(
    parts: Mapping[str, Split],
    likeness: Likeness,
    class_names: Sequence[str],
    name: Callable[[Split, int], str],
) -> Iterator[str]:
    """Yields a line for everything that is the matter with equal and nearly equal images.

    Args:
        parts: the splits by their names, in the order train, validation, test.
        likeness: which images show the same picture.
        class_names: name of each label.
        name: names image `i` of a split.
    """
    groups = [places for places in _groups(parts, likeness, name) if len(places) > 1]
    together = [places for places in groups if len({place.part for place in places}) == 1]
    if together:
        count = sum(map(len, together))
        yield (
            f"{count:,} images are equal or nearly equal to another, and stay in its split "
            f"({_pairs((one[0].name, one[1].name) for one in together)})"
        )
    for number in range(len(parts) - 1, 0, -1):
        part, earlier = list(parts)[number], list(parts)[:number]
        shared = [(_in([part], places), _in(earlier, places)) for places in groups]
        shared = [(one, other) for one, other in shared if one and other]
        if shared:
            count = sum(len(one) for one, _ in shared)
            pairs = [(one[0].name, other[0].name) for one, other in shared]
            yield (
                f"{count:,} of {len(parts[part]):,} {part} images are equal or nearly equal to "
                f"training images ({_pairs(pairs)}): the accuracy is too high; remove them from "
                "one of the two"
            )
    if likeness.too_alike:
        yield (
            f"{len(likeness.too_alike):,} images are nearly equal to many others, as those of a "
            "fixed camera: only equal ones are kept in one split; divide them by hand if several "
            "show the same thing"
        )
    torn = [places for places in groups if len({place.label for place in places}) > 1]
    if torn:
        pairs = []
        for places in torn:
            other = next(place for place in places if place.label != places[0].label)
            pairs.append((places[0].name, other.name))
        classes = {class_names[place.label] for places in torn for place in places}
        yield (
            f"{len(torn):,} {'picture is' if len(torn) == 1 else 'pictures are'} in several "
            f"classes ({_pairs(pairs)}; {len(classes)} classes in all): keep each in the right one"
        )


def _groups(
    parts: Mapping[str, Split], likeness: Likeness, name: Callable[[Split, int], str]
) -> list[list[_Place]]:
    found: dict[int, list[_Place]] = collections.defaultdict(list)
    if likeness.groups:
        for part, split in parts.items():
            for i, group in enumerate(likeness.of(split).tolist()):
                if group >= 0:
                    found[group].append(_Place(part, int(split.labels[i]), name(split, i)))
    return list(found.values())


def _in(parts: Sequence[str], places: Iterable[_Place]) -> list[_Place]:
    return [place for place in places if place.part in parts]


def _pairs(pairs: Iterable[tuple[str, str]]) -> str:
    told = [f"{one} and {other}" for one, other in pairs]
    more = f"; and {len(told) - _SHOWN:,} more" if len(told) > _SHOWN else ""
    return "; ".join(told[:_SHOWN]) + more
