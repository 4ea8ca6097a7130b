"""The bench: what Streamhold costs beside its provider reached directly, in one run.

    python -m bench [--quick] [--only NAME,…] [--peer NAME]... [--out FILE] [--check]
    python -m bench --pair [COMMIT] [--only NAME,…] [--bound NAME=RATIO]... [--minutes N]
    python -m bench --scaling FILE [--write]

``subjects`` are what is measured: the simulated provider itself, Streamhold in front of that
same simulator, and peers if asked for. ``measures`` holds one module a question. The client
(``exchange``, ``client``, ``load``) is this process; what it and the simulator could do by
themselves is measured in the same run, so that nobody mistakes their ceiling for the broker's.
``pair`` compares this tree with another commit.
"""
