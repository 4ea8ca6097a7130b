"""What a call asks and what an answer says, in no dialect's words; and from and to each dialect.

``request`` and ``event`` are the vocabulary. ``reading`` makes it of a dialect's requests and
events, ``writing`` does the inverse; ``translation`` puts two of them together. A request is
read field by field (``fields``), so that what has no counterpart is refused by name. Opaque
reasoning travels through other dialects sealed (``signature``); ``sequence`` brings order into
tool calls that come interleaved; ``usage`` and ``errors`` know the dialects' counts and words.

PROTOCOL.md has the table of what can be expressed.
"""
