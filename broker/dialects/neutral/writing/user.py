"""The caller's word for who it calls for, in as many characters as a provider takes.

A longer one is hashed: to a provider it is a word that tells one user from another, and the hash
does that too, call after call.
"""

import hashlib

from broker.settings.takes import Takes


def user_of(user: str | None, takes: Takes) -> str | None:
    """The word itself, or as much as is taken of its SHA-256 in hexadecimal."""
    most = takes.user_most
    if user is None or most is None or len(user) <= most:
        return user
    return hashlib.sha256(user.encode(errors="surrogatepass")).hexdigest()[:most]
