"""The fault figures: what callers notice when a deployment is broken in each promised way.

    python -m bench.faults [NAME]... [--out FILE] [--write]

``cases`` holds one module a fault. Each has clusters of its own (``rig``): real processes, a
store, the simulated provider; and callers that come again with ``Last-Event-ID`` as PROTOCOL.md
asks. What must hold is a figure with a limit: 0 where nothing may be lost. A case that can't be
measured at all counts as a broken limit too.
"""
