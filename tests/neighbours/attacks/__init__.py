"""What hostile callers do, as data: each kind of attack is an endless row of strikes.

Strikes follow from a seed. They are pure: ``tests.neighbours.attacker`` carries them out.
"""
