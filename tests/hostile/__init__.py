"""A hostile provider: recorded streams spoiled in every way that a seed can think of."""
