"""File descriptors: a socket a reader and one an upstream call needs more than the default."""

import resource


def raise_file_limit() -> int:
    """Raise the soft limit towards the hard one; returns the soft limit in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):  # macOS: the hard limit may be no limit, which it refuses
            return soft
    return hard
