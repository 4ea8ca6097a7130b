"""The table of docs/providers.md has every preset, and its variables."""

import re
from pathlib import Path

from broker.settings.losses import LOSSES
from broker.settings.presets import PRESETS

PAGE = Path(__file__).parents[2] / "docs" / "providers.md"


def test_the_table_has_every_preset_and_its_variables() -> None:
    rows = re.findall(r"^\| (`[a-z`, -]+) \| ([^|]*) \| ([^|]*) \|", PAGE.read_text(), re.MULTILINE)
    told = {
        name: (re.findall(r"`([A-Z_]+)`", variables), dialects.split(", "))
        for names, variables, dialects in rows
        for name in re.findall(r"`([a-z-]+)`", names)
    }
    assert told.keys() == PRESETS.keys()
    for name, preset in PRESETS.items():
        variables, dialects = told[name]
        assert sorted(variables) == sorted((*preset.keys, *preset.needs)), name
        assert preset.provider.dialect in dialects, name


def test_the_table_has_every_loss_that_can_be_allowed() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| ([^|]*) \|$", PAGE.read_text(), re.MULTILINE)
    assert dict(rows) == {"allow_loss": "what is left out", **LOSSES}
