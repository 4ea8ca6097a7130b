"""Hostile callers beside an innocent one: ``scripts/hostile``. See ``run`` for the scene."""
