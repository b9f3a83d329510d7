"""Named search spaces and published networks; either can also be read from a JSON file."""

from nas import files, known_names
from nas.architecture import spec_json
from nas.architecture.spaces.builtin import cifar, proxyless_cifar, proxyless_imagenet, tiny
from nas.architecture.spaces.efficientnet_lite import efficientnet_lite, efficientnet_lite0
from nas.architecture.spaces.mobile_spaces import mobilenet_v3, mobilenet_v4
from nas.architecture.spaces.mobilenets import (
    mobilenet_v2,
    mobilenet_v3_large,
    mobilenet_v3_small,
    mobilenet_v4_conv_small,
)
from nas.architecture.spaces.proxyless_children import PROXYLESS_CHILDREN
from nas.architecture.spaces.width_spaces import cifar_mobile, cifar_widths, proxyless_widths
from nas.architecture.specs import Child, SearchSpace
from nas.file_kinds import CHILD, SPACE

SPACES = {
    space.name: space
    for space in (
        proxyless_imagenet(),
        proxyless_cifar(),
        cifar(),
        tiny(),
        proxyless_widths(),
        mobilenet_v3(),
        mobilenet_v4(),
        efficientnet_lite(),
        cifar_widths(),
        cifar_mobile(),
    )
}

PUBLISHED_CHILDREN = {
    child.name: child
    for child in (
        *PROXYLESS_CHILDREN,
        mobilenet_v2(),
        mobilenet_v3_large(),
        mobilenet_v3_small(),
        mobilenet_v4_conv_small(),
        efficientnet_lite0(),
    )
}

__all__ = ["PUBLISHED_CHILDREN", "SPACES", "load_child", "load_space"]


def load_space(name_or_path: str) -> SearchSpace:
    """Returns a built-in space by its name, or reads one from a `.json` file.

    Raises:
        ValueError: the name is unknown (the message lists the known ones), or the file is invalid.

    Example:
        >>> import nas
        >>> space = nas.load_space("proxyless_imagenet")
        >>> len(space.slots), space.num_candidates
        (21, 141)
        >>> nas.load_space("cifar").with_task(num_classes=5, resolution=64).input_shape
        (64, 64, 3)
    """
    if name_or_path.endswith(".json"):
        return spec_json.from_dict(SearchSpace, files.read_json(name_or_path, SPACE), name_or_path)
    known_names.check("space", name_or_path, SPACES, ", or a .json file")
    return SPACES[name_or_path]


def load_child(name_or_path: str) -> Child:
    """Returns a published network by its name, or reads one from a `.json` file.

    Raises:
        ValueError: the name is unknown (the message lists the known ones), or the file is invalid.

    Example:
        >>> import nas
        >>> child = nas.load_child("proxyless_mobile")
        >>> child.input_shape, len(child.layers)
        ((224, 224, 3), 22)
    """
    if name_or_path.endswith(".json"):
        return spec_json.from_dict(Child, files.read_json(name_or_path, CHILD), name_or_path)
    known_names.check("child", name_or_path, PUBLISHED_CHILDREN, ", or a .json file")
    return PUBLISHED_CHILDREN[name_or_path]
