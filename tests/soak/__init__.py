"""Faults of every kind at once, for as long as asked, and what must be true afterwards."""
