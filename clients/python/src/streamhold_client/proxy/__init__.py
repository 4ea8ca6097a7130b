"""The resuming transport behind a local port, for programs that take nothing but a base URL.

    program ──HTTP/1.1──▶ Client ── Exchange ── Relay ──▶ Connection ──HTTP/1.1──▶ broker
                          (client)  (exchange)  (relay)   (upstream)

A call keeps its connection to the program for as long as it takes, whatever becomes of those to
the broker. While a stream flows no task runs: the bytes that a read brought are cut into events,
counted and written to the program in the callback that received them. Only losses, ends and
heads wake the exchange's task.

Both sides are parsed by ``httptools``; what is resumed, and from where, is decided by the modules
that the transports for ``httpx`` stand on: ``call``, ``track``, ``outage``.
"""
