"""Streamhold's client: streams that outlive their connections.

``streamhold_client.httpx2`` and ``streamhold_client.httpx`` hold the transports that go beneath
an unmodified SDK; ``streamhold_client.native`` the client of the jobs themselves.
"""
