"""A provider that dies in the middle of an answer, under every policy: what readers see.

Each cell is one real call, read in both views as it ran and again afterwards. The table is made
for ``docs/failover.md``, which must hold the very same.
"""

import asyncio
from typing import NamedTuple

from bench.faults.case import Found, Sheet, Start
from broker.model import JobState, Terminal
from rig.answers import Witness, begins, uncut, witness_all

LOST = 12  # tokens before the provider's connection is cut
PROVIDERS = """
[providers.pre]
base_url = "SIM_URL"
prefill = true
"""


class Policy(NamedTuple):
    """A row: the configuration of its routes."""

    name: str
    on_loss: str
    targets: tuple[str, ...]


class Speech(NamedTuple):
    """A column: what is being said when the provider dies."""

    name: str
    model: str
    hold: bool = False


POLICIES = (
    Policy("`continue`", 'on_loss = "continue"', ("sim", "pre")),
    Policy("`replay`", 'on_loss = "replay"', ("sim",)),
    Policy("`terminate`", 'on_loss = "terminate"', ("sim", "pre")),
    Policy("*(not set)*, a target with `prefill`", "", ("sim", "pre")),
    Policy("*(not set)*, none", "", ("sim",)),
)
SPEECHES = (
    Speech("text", "tokens=30"),
    Speech("reasoning", "reasoning=20,tokens=10"),
    Speech("a tool call", "tools=1,tokens=20"),
    Speech("a tool call, `hold_tool_calls`", "tools=1,tokens=20", hold=True),
)


def _model(speech: Speech) -> str:
    return f"{speech.model},interval=5ms,prefill,dropafter={LOST},failfirst=1"


def _route(name: str, policy: Policy, speech: Speech) -> str:
    targets = ", ".join(f'"{provider}/{_model(speech)}"' for provider in policy.targets)
    hold = "hold_tool_calls = true\n" if speech.hold else ""
    return f'[routes."{name}"]\ntargets = [{targets}]\nbackoff = 0.01\n{policy.on_loss}\n{hold}'


async def measure(start: Start) -> Found:
    """One call a cell, all at once."""
    cells = {
        f"loss-{row}-{column}": (policy, speech)
        for row, policy in enumerate(POLICIES)
        for column, speech in enumerate(SPEECHES)
    }
    routes = "".join(_route(name, *cell) for name, cell in cells.items())
    cluster = await start(apis=1, workers=1, config=PROVIDERS + routes)
    witnesses = await witness_all(cluster, {name: name for name in cells})
    texts = await asyncio.gather(
        *(_seen(witnesses[name], speech) for name, (_, speech) in cells.items())
    )
    count = Sheet("loss_table").figure("cells", "", len(cells), note="each read by three readers")
    return Found([count], _table(texts))


def _table(texts: list[str]) -> str:
    rows = [["`on_loss`", *(f"lost in {speech.name}" for speech in SPEECHES)]]
    rows += [["---"] * len(rows[0])]
    width = len(SPEECHES)
    for row, policy in enumerate(POLICIES):
        rows += [[policy.name, *texts[row * width : (row + 1) * width]]]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


async def _seen(witness: Witness, speech: Speech) -> str:
    """What the readers of one call saw, in words; fails if the two views disagree."""
    terminal = await witness.finish()
    expected = uncut(_model(speech), witness.prompt)
    assert begins(witness.said, expected), witness.prompt
    if terminal.state is JobState.COMPLETED:
        assert witness.said == expected, witness.prompt
        return _joined(witness)
    return _failed(witness, terminal)


def _joined(witness: Witness) -> str:
    modes = witness.modes
    joints = [place for place, e in enumerate(witness.native.events) if e.name == b"attempt"][1:]
    if not _tokens(witness, joints[0]):
        return "whole answer, the second attempt unseen"
    return f"whole answer, {len(joints)} joint ({modes[-1]})"


def _failed(witness: Witness, terminal: Terminal) -> str:
    assert terminal.error is not None
    assert witness.chat.events[-1].name == b"error"
    tokens = _tokens(witness, len(witness.native.events))
    return f"`{terminal.error.type}` after {tokens} tokens, which stay readable"


def _tokens(witness: Witness, before: int) -> int:
    """Chunks that said something, the role apart, among the first events of the native view."""
    chunks = [e for e in witness.native.events[:before] if not e.name]
    said = (b'"content":"', b'"reasoning_content":"', b'"tool_calls":[')
    return sum(
        any(mark in e.data for mark in said) and b'"content":""' not in e.data for e in chunks
    )
