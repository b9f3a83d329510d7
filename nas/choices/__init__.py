"""Choosing among candidates: probabilities, what each candidate costs, and the choice itself."""
