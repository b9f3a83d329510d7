import made_wide_workdir
import numpy as np

from tools.experiments.steps import supernet_steps


def test_random_paths_draw_every_option_of_every_decision():
    space = made_wide_workdir.space()
    paths = np.array(supernet_steps.random_paths(space, 200, seed=0))
    assert paths.shape == (200, len(space.option_counts))
    assert [len(set(row)) for row in paths.T.tolist()] == list(space.option_counts)
    assert space.child(paths[0].tolist())
