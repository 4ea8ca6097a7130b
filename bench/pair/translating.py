"""Run by path, in a process of the build that is measured: translates bodies when asked to.

    python -P bench/pair/translating.py FOLDER

FOLDER has a body of every caller's dialect. Each line ``CALLER PROVIDER`` on stdin is answered by a
line with the milliseconds of CPU that one decode, translation and encode took. Only what both
builds have is imported, nothing of the bench.
"""

import sys
from pathlib import Path
from time import process_time

import msgspec

from broker.dialects.neutral.translation import translate_request
from broker.process import prepare


def main(folder: str) -> None:
    """Answer until stdin ends."""
    prepare()  # as a worker does: the collector's thresholds count
    bodies = {path.stem: path.read_bytes() for path in Path(folder).glob("*.json")}
    for line in sys.stdin:
        caller, provider = line.split()
        begun = process_time()
        request = msgspec.json.decode(bodies[caller])
        msgspec.json.encode(translate_request(request, caller, provider, "m"))
        print((process_time() - begun) * 1000, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
