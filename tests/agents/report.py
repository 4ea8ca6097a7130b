"""The cells as a table, and what failed in words."""

from collections.abc import Sequence

from tests.agents.cell import Result, Scenario

_HEAD = ("client", "version", "speaks", "target", "scenario", "result", "calls", "seconds")


def table(results: Sequence[Result]) -> str:
    """One line a cell, in Markdown."""
    rows = [
        (
            *(result.client, result.version, result.surface, result.dialect),
            *(result.scenario.value, "; ".join(result.problems) or "ok"),
            *(str(result.calls), f"{result.seconds:.1f}"),
        )
        for result in results
    ]
    lines = [_HEAD, ("---",) * len(_HEAD), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def matrix(results: Sequence[Result]) -> str:
    """One line a client: over each dialect, and after a kill in each way, in Markdown."""
    clients = list(dict.fromkeys((result.client, result.version) for result in results))
    dialects = list(dict.fromkeys(r.dialect for r in results if r.scenario is Scenario.LOOP))
    tried = {result.scenario for result in results} - {Scenario.LOOP}
    others = [each for each in Scenario if each in tried]
    lines = [["client", "version", *dialects, *(each.value for each in others)]]
    lines.append(["---"] * len(lines[0]))
    for name, version in clients:
        own = [result for result in results if result.client == name]
        loops = {r.dialect: _word(r) for r in own if r.scenario is Scenario.LOOP}
        ends = {each: [_word(r) for r in own if r.scenario is each] for each in others}
        told = [", ".join(dict.fromkeys(ends[each])) or "–" for each in others]
        lines.append([name, version, *(loops.get(each, "–") for each in dialects), *told])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _word(result: Result) -> str:
    if not result.problems:
        return "yes"
    recovered = all("provider calls" in problem for problem in result.problems)
    return f"yes, {result.calls} calls" if recovered else "no"
