"""Training that resumes: child networks, checkpoints, callbacks, moving moments."""
