"""Choice among candidates: their probabilities, their costs, and the derived child."""
