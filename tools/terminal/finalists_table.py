"""The finalists of a search as a table for terminals."""

from nas.searching.finalist_record import Finalist, Record
from tools.terminal import console

# Why a network is a finalist; see nas/searching/proposals.py.
ORIGINS = {
    "estimate": "best by the estimate",
    "alpha": "the algorithm's own choice",
    "width": "one multiplied width",
    "pretrained": "the pretrained network",
    "most work": "most work at this cost",
    "one operation": "one operation, most work",
    "draw": "possible by the estimate",
}


def table(record: Record, unit: str) -> str:
    """Returns one row a finalist, the longest trained first, in at most 80 columns.

    Without any other network near the target there was no choice, and a sentence says so.

    Args:
        record: the finalists.
        unit: unit of their cost.
    """
    if not record.rounds:
        return "  finalists: no second network that meets the target was found"

    def rank(one: Finalist) -> tuple[int, float]:
        return -len(one.losses), one.losses[-1]

    rows = [
        (ORIGINS[one.origin], one.cost, " ".join(f"{100 * a:.1f}" for a in one.accuracies))
        for one in sorted(record.finalists, key=rank)
    ]
    return console.table(("finalist", f"predicted {unit}", "accuracy by round, %"), rows)
