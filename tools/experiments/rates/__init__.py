"""How the first epoch of a supernet depends on the learning rate, in any space."""
