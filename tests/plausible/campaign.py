"""Many plausible answers, played, judged and counted."""

import asyncio
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.plausible.case import CALLERS, CELLS, SHAPES, Case
from tests.plausible.judging import faults
from tests.plausible.playing import played
from tests.plausible.shape import FORMS

_STEP = 2000
_LISTED = 200


@dataclass
class Tally:
    """What a campaign came to. Cells are dialect, shape, form and caller."""

    cases: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    failed: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)  # rightly
    violated: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    violations: list[tuple[Case, list[str]]] = field(default_factory=list)

    def add(self, case: Case, found: list[str], *, failed: bool) -> None:
        cell = case.cell
        name = cell.dialect, cell.shape.name, cell.form, cell.caller
        self.cases[name] += 1
        self.failed[name] += failed and not found
        self.violated[name] += bool(found)
        if found:
            self.violations.append((case, list(dict.fromkeys(found))))

    def __str__(self) -> str:
        rows = [
            "The cases of each shape: a stream's + a whole answer's; of them violations after a !.",
            *(row for dialect in SHAPES for row in self._table(dialect)),
            "",
            f"{self.cases.total():7} cases of {len(self.cases)} fields of {len(CELLS)}",
            f"{self.failed.total():7} failed, as they had to or may",
            f"{self.violated.total():7} violations",
            *self._listed(),
        ]
        return "\n".join(rows)

    def _listed(self) -> Iterator[str]:
        """The violations by their shapes; of those put together none that one of them explains."""
        known: list[tuple[str, set[str], dict[str, list[str]]]] = []
        for case, wrong in sorted(self.violations, key=lambda pair: len(pair[0].shapes)):
            names, dialect = {shape.name for shape in case.shapes}, case.cell.dialect
            same = next((each for each in known if each[:2] == (dialect, names)), None)
            if same is None:
                if any(each[0] == dialect and each[1] < names for each in known):
                    continue
                same = dialect, names, {}
                known.append(same)
            place = f"{case.cell.form} → {case.cell.caller} ({case.name})"
            same[2].setdefault("; ".join(wrong), []).append(place)
        for dialect, names, found in known[:_LISTED]:
            yield f"\n{dialect}: {' + '.join(sorted(names))}"
            for text, places in found.items():
                yield f"    {', '.join(places[:4])}: {text}"
        if len(known) > _LISTED:
            yield f"\n... and {len(known) - _LISTED} more"

    def _table(self, dialect: str) -> list[str]:
        heads = "".join(f"{'→ ' + caller:>16}" for caller in CALLERS)
        rows = ["", f"{dialect + ' says':60}{heads}"]
        for shape in SHAPES[dialect]:
            label = f"  {shape.name} ({shape.by})"
            cells = "".join(f"{self._cell(dialect, shape.name, caller):>16}" for caller in CALLERS)
            rows.append(f"{label[:60]:60}{cells}")
        return rows

    def _cell(self, dialect: str, shape: str, caller: str) -> str:
        counts = [self.cases[dialect, shape, form, caller] for form in FORMS]
        wrong = sum(self.violated[dialect, shape, form, caller] for form in FORMS)
        text = "+".join(map(str, counts))
        return f"{text} !{wrong}" if wrong else text


def run(count: int, seed: int, say: Callable[[str], None] = lambda _: None) -> Tally:
    """Play so many cases of this seed."""
    return asyncio.run(_run(count, seed, say))


async def _run(count: int, seed: int, say: Callable[[str], None]) -> Tally:
    tally = Tally()
    for number in range(count):
        case = Case(number, seed)
        found, failed = await judged(case)
        tally.add(case, found, failed=failed)
        if (number + 1) % _STEP == 0:
            say(f"{number + 1} played, {len(tally.violations)} violations")
    return tally


async def judged(case: Case) -> tuple[list[str], bool]:
    """The faults of a case, and whether its job failed."""
    try:
        outcome = await played(case)
        return faults(case, outcome), outcome.failure is not None
    except Exception as error:  # noqa: BLE001 - whoever raised it, it is a fault
        place = traceback.extract_tb(error.__traceback__)[-1]
        return [f"{type(error).__name__} in {place.name}: {error}"], True
