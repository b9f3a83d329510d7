"""Stages and chains of stages as functions, child networks as Keras models, number formats."""
