"""The caller's word for who it calls for, in as many characters as a provider takes.

A longer one is hashed: to a provider it is a word that tells one user from another, and the hash
does that too, call after call.
"""

import hashlib

OPENAI = 64  # characters: of ``user`` in chat and responses
ANTHROPIC = 256  # of ``metadata.user_id``


def user_of(user: str | None, longest: int) -> str | None:
    """The word itself, or the SHA-256 of it in hexadecimal."""
    if user is None or len(user) <= longest:
        return user
    return hashlib.sha256(user.encode(errors="surrogatepass")).hexdigest()
