"""Fine-tunes a child for a recipe, in a separate process."""
