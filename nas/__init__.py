"""Search spaces, supernet, gates, search algorithms, child networks, data and training.

`PUBLIC` lists the names for users. `nas.search`, for example, is imported when it is first used, so
that `import nas` itself imports no TensorFlow. All other modules and names may move.
"""

import os
from typing import TYPE_CHECKING

from nas import facade

# TensorFlow reads these once, when it is first imported. Its oneDNN kernels compute depthwise
# convolutions and fused batch normalization several times faster than Eigen's, but are off by
# default on CPUs without AVX-512. Their last bits may differ from one process to the next; set
# TF_ENABLE_ONEDNN_OPTS=0 where a resumed run must equal an uninterrupted one to the bit.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# Each public name with its module, and what it is called there if that differs.
PUBLIC = {
    "SearchSpace": "nas.architecture.specs",
    "Slot": "nas.architecture.blocks",
    "Block": "nas.architecture.blocks",
    "Child": "nas.architecture.specs",
    "Stem": "nas.architecture.blocks",
    "Head": "nas.architecture.blocks",
    "MBConv": "nas.architecture.operations.mbconv",
    "FusedMBConv": "nas.architecture.operations.fused_mbconv",
    "UIB": "nas.architecture.operations.uib",
    "Skip": "nas.architecture.operations.skip",
    "load_space": "nas.architecture.spaces",
    "load_child": "nas.architecture.spaces",
    "num_params": "nas.architecture.counting",
    "num_macs": "nas.architecture.counting",
    "load_dataset": "nas.data.loading:load",
    "dataset_from_arrays": "nas.data.arrays",
    "Supernet": "nas.supernet.supernet",
    "algorithm": "nas.searching.algorithms",
    "paired_batches": "nas.searching.paired_batches",
    "most_probable": "nas.choices.derive",
    "Latencies": "nas.choices.candidate_costs",
    "SearchConfig": "nas.searching.search_config",
    "search": "nas.searching.search",
    "build_child": "nas.layers.keras_network",
    "TrainConfig": "nas.training.train_config",
    "train": "nas.training.child_training",
    "evaluate": "nas.training.child_training",
}

__all__ = [
    "SearchSpace",
    "Slot",
    "Block",
    "Child",
    "Stem",
    "Head",
    "MBConv",
    "FusedMBConv",
    "UIB",
    "Skip",
    "load_space",
    "load_child",
    "num_params",
    "num_macs",
    "load_dataset",
    "dataset_from_arrays",
    "Supernet",
    "algorithm",
    "paired_batches",
    "most_probable",
    "Latencies",
    "SearchConfig",
    "search",
    "build_child",
    "TrainConfig",
    "train",
    "evaluate",
]

if TYPE_CHECKING:
    from nas.architecture.blocks import Block, Head, Slot, Stem
    from nas.architecture.counting import num_macs, num_params
    from nas.architecture.operations.fused_mbconv import FusedMBConv
    from nas.architecture.operations.mbconv import MBConv
    from nas.architecture.operations.skip import Skip
    from nas.architecture.operations.uib import UIB
    from nas.architecture.spaces import load_child, load_space
    from nas.architecture.specs import Child, SearchSpace
    from nas.choices.candidate_costs import Latencies
    from nas.choices.derive import most_probable
    from nas.data.arrays import dataset_from_arrays
    from nas.data.loading import load as load_dataset
    from nas.layers.keras_network import build_child
    from nas.searching.algorithms import algorithm
    from nas.searching.paired_batches import paired_batches
    from nas.searching.search import search
    from nas.searching.search_config import SearchConfig
    from nas.supernet.supernet import Supernet
    from nas.training.child_training import evaluate, train
    from nas.training.train_config import TrainConfig
else:
    __getattr__, __dir__ = facade.lazy(__name__, PUBLIC)
