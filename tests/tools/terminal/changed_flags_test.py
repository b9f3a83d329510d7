from tools.terminal import changed_flags


def texts(old, new):
    return [change.text for change in changed_flags.changes(old, new)]


def test_each_flag_is_named_as_on_the_command_line():
    old = {"preset": {"train": {"epochs": 2, "batch_size": 64}, "search": {"batch_size": 64}}}
    new = {"preset": {"train": {"epochs": 5, "batch_size": 32}, "search": {"batch_size": 32}}}
    assert texts(old, new) == ["batch_size: was 64, now 32", "train_epochs: was 2, now 5"]


def test_another_preset_is_one_difference():
    old = {"preset_name": "quick", "seed": 0, "preset": {"space": "cifar", "networks": 3}}
    new = {"preset_name": "tiny", "seed": 1, "preset": {"space": "tiny", "networks": 9}}
    assert texts(old, new) == ['preset: was "quick", now "tiny"', "seed: was 0, now 1"]


def test_another_file_is_one_difference_and_long_values_are_cut():
    old = {"latency_model": {"entries": {"a": 1}}, "recipes": ["int8"]}
    new = {"latency_model": {"entries": {"a": 2}}, "recipes": ["int8"] * 50}
    content, recipes = texts(old, new)
    assert content == "latency_model: its content is another"
    assert recipes.startswith('recipes: was ["int8"], now ["int8", ') and len(recipes) < 120
