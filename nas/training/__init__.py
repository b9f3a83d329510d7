"""Training of child networks that resumes after an interruption; checkpoints and callbacks."""
