"""Work on large request bodies, done in a process of its own.

A caller chooses how large a body is and of how many parts it is made. To decode, digest,
compress and translate one of 30 MB takes seconds and hundreds of megabytes, in which the event
loop of an API process or a worker would answer nobody and renew nothing. A thread would not help:
decoding and translating hold the interpreter. So a body that is large (``size``) goes to a child
process, one a process, which runs at a lower priority and does one task at a time:

    API      examine   decode, check, digest, see that some target can be asked it, pack it, and
                       upload it to the store; only its outline comes back
    API      items     a page of the items of a response's input
    API      count     the body of a count_tokens call
    worker   prepare   fetch it from the store, translate it, give the bytes to post

Everything smaller stays in the process that has it, where it takes a few milliseconds at most.

    Offload.run ─▶ one queue an account, in turn ─▶ child ─▶ reply
                        │                             │
                        └ too many bytes wait: 503    └ dies or takes too long: 413, a new child

Bounds: a body has at most ``max_body`` bytes and ``max_parts`` parts, which bounds what decoding
and translating it takes; a process keeps at most ``BUDGET`` times ``max_body`` bytes of large
bodies at once, and one account half of that (``budget``); the child may take ``MEMORY`` times
``max_body`` beside what it starts with; a task that takes ``PATIENCE`` seconds is ended.
"""

from broker.offload.client import Offload

__all__ = ["Offload"]
