"""Measurements, devices, block benchmarks, lookup table, evaluation."""
