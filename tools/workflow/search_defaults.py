"""Defaults of searches that are not those of `SearchConfig`, which are the reference's."""

# The learning rate of the weights by optimizer; the warm-up begins with twice this.
LEARNING_RATES = {"sgd": 0.1, "adamw": 1e-3}
# The largest norm of a weight step's gradient. Without a limit, the first steps throw up the loss
# in spaces of wide layers (docs/results.md, "Learning rates").
CLIP_NORM = 1.0
WARMUP_EPOCHS, EPOCHS = 5, 10
