"""Prints `peak_memory.of_step` for a space, kinds of steps and a batch size, as JSON."""

import json
import sys

from nas.architecture import spec_json, specs
from tools.experiments.steps import peak_memory

if __name__ == "__main__":
    space_as_dict, kinds, batch_size = json.loads(sys.argv[1])
    space = spec_json.from_dict(specs.SearchSpace, space_as_dict)
    path = [0] * len(space.slots)
    found = [peak_memory.of_step(kind, space, path, batch_size, 1) for kind in kinds]
    print(json.dumps(found))
