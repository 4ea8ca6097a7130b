"""Judges of requests: what each vendor refuses, and in which words.

They stand in for the vendors in tests: a request that one of them refuses is one that the vendor
would have answered with a 400. They are written from the official SDKs' request types (``shape``)
and from what the vendors say of their APIs (a ``Rule`` each, with its source), and from nothing of
the broker's own, so that an error in its tables is seen here.
"""
