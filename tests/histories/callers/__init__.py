"""Callers, by their dialect: requests, and what is kept of answers."""
