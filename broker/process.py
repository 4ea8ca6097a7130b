"""What every process of ours does to itself before it serves."""

import gc
import resource


def prepare() -> None:
    """Raise the file limit, and spare the collector what was loaded at the start.

    Frames and their futures die by reference count; a collector that runs every 700
    allocations finds nothing and costs 3-5 µs a token.
    """
    raise_file_limit()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)


def raise_file_limit() -> int:
    """Raise the soft limit towards the hard one: a socket a reader, and one an upstream call.

    Returns the soft limit in force.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):  # macOS: the hard limit may be no limit, which it refuses
            return soft
    return hard
