"""Named search spaces and published networks, and reading either from a JSON file."""

from nas import files
from nas.architecture import spec_json
from nas.architecture.spaces.builtin import cifar, proxyless_cifar, proxyless_imagenet, tiny
from nas.architecture.spaces.published import PUBLISHED_CHILDREN
from nas.architecture.specs import Child, SearchSpace

SPACES = {
    space.name: space
    for space in (
        proxyless_imagenet(),
        proxyless_cifar(),
        cifar(),
        tiny(),
    )
}

__all__ = ["PUBLISHED_CHILDREN", "SPACES", "load_child", "load_space"]


def load_space(name_or_path: str) -> SearchSpace:
    """A built-in space by name, or one read from a `.json` file.

    Raises:
        ValueError: no such name (the known ones are listed), or a fault in the file.

    Example:
        >>> import nas
        >>> space = nas.load_space("proxyless_imagenet")
        >>> len(space.slots), space.num_candidates
        (21, 141)
        >>> nas.load_space("cifar").with_task(num_classes=5, resolution=64).input_shape
        (64, 64, 3)
    """
    if name_or_path in SPACES:
        return SPACES[name_or_path]
    if name_or_path.endswith(".json"):
        return spec_json.from_dict(SearchSpace, files.read_json(name_or_path), name_or_path)
    known = ", ".join(SPACES)
    raise ValueError(f"space: expected one of {known}, or a .json file; received {name_or_path!r}")


def load_child(name_or_path: str) -> Child:
    """A published network by name, or one read from a `.json` file.

    Raises:
        ValueError: no such name (the known ones are listed), or a fault in the file.

    Example:
        >>> import nas
        >>> child = nas.load_child("proxyless_mobile")
        >>> child.input_shape, len(child.layers)
        ((224, 224, 3), 22)
    """
    if name_or_path in PUBLISHED_CHILDREN:
        return PUBLISHED_CHILDREN[name_or_path]
    if name_or_path.endswith(".json"):
        return spec_json.from_dict(Child, files.read_json(name_or_path), name_or_path)
    known = ", ".join(PUBLISHED_CHILDREN)
    raise ValueError(f"child: expected one of {known}, or a .json file; received {name_or_path!r}")
