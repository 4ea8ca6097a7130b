"""``clients/js`` as a package: its own unit tests, its types, and what its lock may say."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.node import JS, NODE, node_env

pytestmark = pytest.mark.usefixtures("npm_packages")
TSC = str(JS / "node_modules" / "typescript" / "bin" / "tsc")


def run(*words: str) -> None:
    done = subprocess.run(
        [NODE, *words], cwd=JS, env=node_env(), capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_unit_tests_in_node() -> None:
    run("--test", "--test-timeout=30000", *(str(file) for file in JS.glob("test/*.test.js")))


def test_the_committed_types_are_those_of_the_sources(tmp_path: Path) -> None:
    run(TSC, "--project", "tsconfig.json", "--outDir", str(tmp_path))
    made = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert made == {file.name: file.read_text() for file in (JS / "types").iterdir()}


def test_the_types_are_what_applications_and_sdks_take() -> None:
    run(TSC, "--project", "tsconfig.test.json")


def test_the_lock_has_hashes_and_no_addresses_of_downloads() -> None:
    packages = json.loads((JS / "package-lock.json").read_text())["packages"]
    own = packages.pop("")
    assert not own.get("dependencies")
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert not any("resolved" in package for package in packages.values())
    assert not re.search(r"registry\.", (JS / ".npmrc").read_text())


def test_modules_need_nothing_but_each_other() -> None:
    imports = re.compile(r"^(?:import|export) .*?from \"([^\"]+)\"", re.MULTILINE)
    for file in (JS / "src").glob("*.js"):
        text = file.read_text()
        assert all(name.startswith("./") for name in imports.findall(text)), file
        assert not re.search(r"\b(?:process|require|Buffer)\b[.(]", text), f"{file}: Node only"


def test_nothing_of_the_tests_is_published(tmp_path: Path) -> None:
    npm = shutil.which("npm", path=node_env()["PATH"])
    assert npm is not None
    words = [npm, "pack", "--dry-run", "--json", "--ignore-scripts", "--offline"]
    done = subprocess.run(
        words, cwd=JS, env=node_env(), capture_output=True, text=True, timeout=50, check=True
    )
    found = json.loads(done.stdout)
    [package] = found if isinstance(found, list) else found.values()
    files = {file["path"].split("/")[0] for file in package["files"]}
    assert files == {"README.md", "package.json", "src", "types"}
