"""The parts of a data set, and the ways in which their images are kept."""
