"""``python -m tests.agents``: run the cells that are asked for, and print the table."""

import argparse
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.agents import report
from tests.agents.cell import Result, Scenario, run
from tests.agents.clients import CLIENTS
from tests.agents.packages import NotInstalled, packages
from tests.agents.stand import PROVIDERS, Stand

_LINES = 6  # of a client's output that are shown where its cell failed


def main() -> int:
    """0 if every cell is as it must be."""
    options = _options()
    chosen = {name: CLIENTS[name] for name in options.only or CLIENTS}
    known = packages()
    for name in list(chosen):
        try:
            if options.install:
                known[name].install()
        except NotInstalled as error:
            print(f"{name}: {error}", file=sys.stderr)
        if not known[name].installed:
            print(f"{name}: not installed; --install does it", file=sys.stderr)
            return 2
    results: list[Result] = []
    scenarios = options.scenarios or list(Scenario)
    for apis in (1, 2):
        todo = [
            (client, dialect, scenario)
            for client in chosen.values()
            for scenario in scenarios
            for dialect in _dialects(client.surface, scenario, options.dialects)
            if scenario.apis == apis and scenario.concerns(client)
        ]
        if not todo:
            continue
        with tempfile.TemporaryDirectory(prefix="agents-") as folder:
            stand = Stand(Path(folder), apis)
            try:
                for client, dialect, scenario in todo:
                    name = f"{client.name}-{dialect}-{scenario.name.lower()}"
                    # Outside this clone: clients look for the repository that they are in.
                    out = Path(tempfile.gettempdir()) / "streamhold-agents" / name
                    result = run(client, known[client.name], stand, dialect, scenario, out)
                    results.append(result)
                    _tell(result)
            finally:
                stand.close()
    order = list(chosen)
    results.sort(key=lambda result: order.index(result.client))
    print(f"\n{report.table(results)}\n\n{report.matrix(results)}")
    return int(any(result.problems for result in results if result.promised))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/agents", description=__doc__)
    parser.add_argument("--only", type=_names(CLIENTS), metavar="NAME,…", help=", ".join(CLIENTS))
    parser.add_argument("--install", action="store_true", help="install what is missing")
    parser.add_argument(
        "--dialects",
        type=_names(PROVIDERS),
        metavar="NAME,…",
        help=f"of the targets: {', '.join(PROVIDERS)}; a loop is tried on all, the rest on one",
    )
    parser.add_argument(
        "--scenarios",
        type=lambda text: [Scenario[name.upper()] for name in text.split(",")],
        metavar="NAME,…",
        help=", ".join(each.name.lower() for each in Scenario),
    )
    return parser.parse_args()


def _names(known: Iterable[str]) -> "type[list[str]]":
    class Names(list[str]):
        def __init__(self, text: str) -> None:
            super().__init__(text.split(","))
            if unknown := set(self) - set(known):
                raise argparse.ArgumentTypeError(f"there is no {', '.join(sorted(unknown))}")

    return Names


def _dialects(surface: str, scenario: Scenario, asked: list[str] | None) -> list[str]:
    if asked is not None:
        return asked
    return list(PROVIDERS) if scenario is Scenario.LOOP else [surface]


def _tell(result: Result) -> None:
    what = f"{result.client} on {result.dialect}, {result.scenario.value}"
    print(f"{what}: {'; '.join(result.problems) or 'ok'} ({result.seconds:.1f} s)", flush=True)
    if result.problems:
        print(f"  what it printed is in {result.folder}", flush=True)
    for name in ("err", "out") if result.problems and result.folder else ():
        assert result.folder is not None
        file = result.folder / name
        lines = file.read_text(errors="replace").splitlines() if file.exists() else []
        for line in lines[-_LINES:]:
            print(f"    {line[:300]}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
