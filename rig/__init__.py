"""The rig: a deployment whose every process can be killed, stopped and started, and its evidence.

The fault tests and the fault figures run over it. ``cluster`` has the processes, ``sse_reader``
is a client that comes again as PROTOCOL.md asks, ``evidence`` and ``answers`` say what must be
true of a stream after a fault. What does not hold raises AssertionError.
"""
