"""``python -m tests.histories [N] [FIRST]``: N histories a pair of dialects, and what is wrong."""

import re
import sys
import time
from collections import Counter

from tests.histories.play import CALLERS, PROVIDERS, Report, play


def _kind(wrong: str) -> str:
    """A violation without what is its own alone."""
    name, _, rest = wrong.partition("] ")
    caller = name[1:].partition("-")[0]
    vendor, _, what = rest.partition(": ")
    what = what.removeprefix(f"{vendor}: ").partition(" at ")[0]
    return f"{caller} -> {vendor.partition('/')[0]}: {re.sub(r'[0-9]+.*', '', what)}"


def main() -> int:
    """Plays them; 1 if anything is wrong."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 25
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    report, began = Report(), time.process_time()
    for caller in CALLERS:
        for provider in PROVIDERS:
            play(caller, provider, range(first, first + count), report)
    print(f"{count} histories a pair, {time.process_time() - began:.0f} s of a core")
    for pair, asked in sorted(report.asked.items()):
        print(f"  {pair}: {asked} requests")
    print(f"failovers within a loop of calls: {report.failovers}")
    print("refused before the call:")
    for path, times in Counter(
        re.sub(r"\d+", "N", path) for path in report.foreseen.elements()
    ).most_common():
        print(f"  {times} {path}")
    print(f"wrong: {len(report.wrong)}")
    kinds: dict[str, list[str]] = {}
    for each in report.wrong:
        kinds.setdefault(_kind(each), []).append(each)
    for kind, found in sorted(kinds.items(), key=lambda each: -len(each[1])):
        print(f"  {len(found)} x {kind}\n      {found[0][:400]}")
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
