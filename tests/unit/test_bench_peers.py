"""The Node peer: its packages are pinned, and locked by hashes and not by addresses."""

import json
import re
from pathlib import Path

import bench

HOME = Path(bench.__file__).parent / "resumable_stream"


def test_versions_are_exact_and_locked() -> None:
    wanted = json.loads((HOME / "package.json").read_text())["dependencies"]
    packages = json.loads((HOME / "package-lock.json").read_text())["packages"]
    assert packages.pop("")["dependencies"] == wanted
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    for name, version in wanted.items():
        assert packages[f"node_modules/{name}"]["version"] == version


def test_the_lock_has_hashes_and_no_addresses_of_downloads() -> None:
    packages = json.loads((HOME / "package-lock.json").read_text())["packages"]
    packages.pop("")
    assert packages
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert not any({"resolved", "funding"} & package.keys() for package in packages.values())
    assert not re.search(r"registry\.", (HOME / ".npmrc").read_text())
