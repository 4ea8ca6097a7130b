"""Plausible answers: what OSS servers, relays and vendors send for one and the same answer.

An answer is drawn (``answer``), rendered as its dialect's vendor would say it, and then bent into
one or several *shapes* that servers of that dialect are known to send. It goes through all that is
done with an answer, for every caller (``playing``), and is read again by readers that are written
from the public descriptions alone (``heard``). What was drawn must be what is heard: every text,
every thought, every argument, the end and the figures; or the job fails, where the shape says that
nothing else is honest.
"""
