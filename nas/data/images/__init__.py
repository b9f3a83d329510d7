"""From encoded images to arrays of one size, and random changes to them."""
