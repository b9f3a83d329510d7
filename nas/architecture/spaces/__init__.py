"""Named search spaces and published networks; either can also be read from a JSON file."""

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
    """Returns a built-in space by its name, or reads one from a `.json` file.

    Raises:
        ValueError: the name is unknown (the message lists the known ones), or the file is invalid.
    """
    if name_or_path in SPACES:
        return SPACES[name_or_path]
    if name_or_path.endswith(".json"):
        return spec_json.from_dict(SearchSpace, files.read_json(name_or_path), name_or_path)
    known = ", ".join(SPACES)
    raise ValueError(f"space: expected one of {known}, or a .json file; received {name_or_path!r}")


def load_child(name_or_path: str) -> Child:
    """Returns a published network by its name, or reads one from a `.json` file.

    Raises:
        ValueError: the name is unknown (the message lists the known ones), or the file is invalid.
    """
    if name_or_path in PUBLISHED_CHILDREN:
        return PUBLISHED_CHILDREN[name_or_path]
    if name_or_path.endswith(".json"):
        return spec_json.from_dict(Child, files.read_json(name_or_path), name_or_path)
    known = ", ".join(PUBLISHED_CHILDREN)
    raise ValueError(f"child: expected one of {known}, or a .json file; received {name_or_path!r}")
