"""File descriptors: a socket a reader and one an upstream call needs more than the default."""

import resource


def raise_file_limit() -> int:
    """Raise the soft limit to the hard one; returns the limit in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
