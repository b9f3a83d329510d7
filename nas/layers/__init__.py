"""What runs: stages and chains of stages as functions, networks as Keras models, number formats."""
