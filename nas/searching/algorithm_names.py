"""Names of the search algorithms, for code that must not import TensorFlow.

`nas.searching.algorithms.ALGORITHMS` has a class for every name.
"""

from nas import known_names

DESCRIPTIONS: dict[str, str] = {
    "proxyless_gradient": "binary gates, the gradient of two candidates per slot",
    "proxyless_gradient_full": "binary gates, the exact gradient of every candidate",
    "proxyless_reinforce": "binary gates, policy gradient of a reward",
    "darts": "the softmax mixture of all candidates",
    "one_shot": "all candidates under path dropout, then evolution",
    "one_shot_single_path": "one uniform path per step, then evolution",
    "random": "the best of random networks, each trained alone",
}
# Those with architecture steps.
LEARN_ALPHA = ("proxyless_gradient", "proxyless_gradient_full", "proxyless_reinforce", "darts")
# Those that train a supernet.
HAVE_SUPERNET = (*LEARN_ALPHA, "one_shot", "one_shot_single_path")


def check_name(name: str) -> None:
    """Raises ValueError for an unknown algorithm; the message lists the known ones."""
    known_names.check("algorithm", name, DESCRIPTIONS)
