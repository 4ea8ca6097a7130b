"""The simulated provider: a loopback server that speaks what providers speak, over SSE.

It stands in for an upstream account in ``streamhold up``, in tests and in benchmarks. The
model's name in a request says how the answer is to behave; ``sim.behaviour`` has the table.
"""
