"""The agents of today, unmodified, in front of a deployment whose provider is simulated.

``scripts/agents`` runs them; ``python -m tests.agents --help`` says what it takes. Each client is
a module of ``clients``; its package and version stand in ``packages.toml``. A cell is one client
on one target dialect in one scenario, and ``report`` prints what came of all.
"""
