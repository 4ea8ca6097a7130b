"""Two builds side by side: how much dearer is this tree than another commit?

    python -m bench --pair [COMMIT] [--only NAME,…] [--bound NAME=RATIO]... [--minutes N]

A machine's state drifts by more than what is looked for, so nothing is compared with a figure of
another hour. A *pair* is one measurement of each build within the same minute: both deployments
run, fresh processes with empty stores behind the same simulated provider, and one client calls
them by turns in an order that is drawn anew each time. A pair gives one ratio, this tree's figure
divided by the other's. What is reported is the median of all pairs' ratios, with its 95 %
bootstrap interval (pairs are drawn again with repetition). Pairs are added until every interval
is narrow enough.

``ratio`` is the arithmetic, ``builds`` the two trees, ``turns`` one pair, ``run`` all of them.
``translator`` has a process of each build, in which ``translating`` or ``answering`` runs.
"""
