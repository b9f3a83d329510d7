"""Labels that fit their place: short words for operations, letters as keys, cut ends."""

from collections.abc import Sequence

from nas.architecture.operations import AnyOperation

# Mean widths of a letter, in pixels, at the size of small print and of names.
SMALL_LETTER = 6.1
NAME_LETTER = 6.9

_SHORT_WORDS = {"hard_swish": "hswish"}
# Longer labels, or more of them, have letters in their place on a narrow page.
_LONGEST_UNKEYED = 8
_MOST_UNKEYED = 8


def short(label: str) -> str:
    """Replaces the long words of an operation's label, such as `hard_swish`."""
    return " ".join(_SHORT_WORDS.get(word, word) for word in label.split(" "))


def fitted(words: str, pixels: float, letter: float = SMALL_LETTER) -> str:
    """Cuts words that are wider than `pixels`, with an ellipsis at their end."""
    most = max(1, int(pixels / letter))
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"


def keys(operations: Sequence[AnyOperation]) -> dict[AnyOperation, str]:
    """Returns a letter for each operation, for a page too narrow for their labels.

    Empty if the labels are short and few. After z come aa, ab and so on.
    """
    longest = max((len(op.label) for op in operations), default=0)
    if longest <= _LONGEST_UNKEYED and len(operations) <= _MOST_UNKEYED:
        return {}
    return {op: _letters(i) for i, op in enumerate(operations)}


def _letters(index: int) -> str:
    first, last = divmod(index, 26)
    return (_letters(first - 1) if first else "") + chr(ord("a") + last)
