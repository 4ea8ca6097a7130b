"""Installs the pinned clients into ``.agents/``, a folder each, and knows their programs."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".agents"
_FILE = Path(__file__).with_name("packages.toml")
_PATIENCE = 600  # seconds for one package and all that it needs
_DONE = "installed"  # a file in a package's folder, written once all of it is there
# npm finds Node by its path, and must find the one that the tests have.
PATH = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"


class NotInstalled(Exception):
    """A package can't be installed, and why."""


class Package(msgspec.Struct, frozen=True):
    """One client's package, at one version."""

    package: str
    version: str
    script: str = ""  # of npm: a file under node_modules that puts the program in place
    beside: tuple[str, ...] = ()  # further packages, each with its version
    kind: str = ""  # npm or pypi
    name: str = ""

    @property
    def folder(self) -> Path:
        """Its folder in the cache."""
        return CACHE / self.kind / f"{self.name}-{self.version}"

    @property
    def programs(self) -> Path:
        """The folder that its programs are in."""
        return self.folder / ("node_modules/.bin" if self.kind == "npm" else "bin")

    @property
    def installed(self) -> bool:
        """Whether this version, with all beside it, is there."""
        done = self.folder / _DONE
        return done.exists() and done.read_text() == self._wanted

    @property
    def _wanted(self) -> str:
        return "\n".join(self._specs)

    @property
    def _specs(self) -> tuple[str, ...]:
        between = "@" if self.kind == "npm" else "=="
        return (f"{self.package}{between}{self.version}", *self.beside)

    def install(self) -> None:
        """Install it, if it isn't.

        Raises:
            NotInstalled: with the last lines that the installer printed.
        """
        if self.installed:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.kind == "npm":
            (self.folder / "package.json").write_text('{"private": true}\n')
            words = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"]
            self._run([*words, "--loglevel=error", "--save-exact", *self._specs])
            if self.script:
                file = self.folder / "node_modules" / self.script
                self._run(["node", file.name], file.parent)
        else:
            self._run([sys.executable, "-m", "venv", str(self.folder)])
            pip = [str(self.programs / "pip"), "install", "--quiet", "--disable-pip-version-check"]
            self._run([*pip, *self._specs])
        (self.folder / _DONE).write_text(self._wanted)

    def _run(self, words: list[str], folder: Path | None = None) -> None:
        env = {**os.environ, "PATH": PATH}
        try:
            ran = subprocess.run(
                words, cwd=folder or self.folder, env=env, capture_output=True, timeout=_PATIENCE
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NotInstalled(f"{self.package} {self.version}: {error}") from None
        if ran.returncode != 0:
            said = (ran.stdout + ran.stderr).decode(errors="replace").strip()
            raise NotInstalled(f"{self.package} {self.version}: {said[-500:]}")


def packages() -> dict[str, Package]:
    """All clients' packages, by the clients' names."""
    told = tomllib.loads(_FILE.read_text())
    return {
        name: msgspec.convert({**fields, "kind": kind, "name": name}, Package)
        for kind, each in told.items()
        for name, fields in each.items()
    }
