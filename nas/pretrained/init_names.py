"""Names of the weights that a search or a training begins with; nothing here reads them."""

RANDOM, SEARCH = "random", "search"


def is_pretrained(init: str) -> bool:
    """Whether `init` names weights that were trained on other images: public ones, or a file."""
    return init not in (RANDOM, SEARCH)
