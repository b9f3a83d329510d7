"""Evaluation of latency models on networks they were not fitted to."""
