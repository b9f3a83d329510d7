"""Training a child further for a recipe, in a process of its own."""
