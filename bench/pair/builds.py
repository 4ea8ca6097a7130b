"""The two builds: this tree as it stands, and a commit of it in a folder for the time of a run."""

import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.program import environment_of

ROOT = Path(__file__).parents[2]
BASELINE = ROOT / "bench" / "BASELINE"  # the commit that work is compared with


class BuildError(Exception):
    """A build can't be had."""


@dataclass(frozen=True)
class Build:
    """A tree whose packages are run; ``name`` is how it is shown."""

    name: str
    tree: Path

    def check(self) -> None:
        """Raise BuildError unless a process of this build imports the tree's own packages."""
        code = "import broker, workers; print(broker.__file__, workers.__file__, sep='\\n')"
        found = subprocess.run(
            [sys.executable, "-P", "-c", code],
            env=environment_of(self.tree),
            capture_output=True,
            text=True,
            check=False,
        )
        files = found.stdout.splitlines()
        if found.returncode or not all(Path(file).is_relative_to(self.tree) for file in files):
            raise BuildError(f"{self.name} is not what runs:\n{found.stdout}{found.stderr}")


@contextmanager
def builds(commit: str) -> Iterator[tuple[Build, Build]]:
    """This tree and the commit's; an empty ``commit`` is the baseline.

    Raises:
        BuildError: there is no such commit, or no git.
    """
    named = commit or BASELINE.read_text().strip()
    full = _git("rev-parse", "--verify", "--quiet", f"{named}^{{commit}}").decode().strip()
    with tempfile.TemporaryDirectory(prefix="streamhold-build-") as folder:
        with tarfile.open(fileobj=io.BytesIO(_git("archive", "--format=tar", full))) as archive:
            archive.extractall(folder, filter="data")
        both = Build("this tree", ROOT), Build(full[:10], Path(folder).resolve())
        for build in both:
            build.check()
        yield both


def _git(*words: str) -> bytes:
    command = ["git", "-C", str(ROOT), *words]
    try:
        return subprocess.run(command, capture_output=True, check=True).stdout
    except FileNotFoundError as error:
        raise BuildError("git is not installed.") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode() or "there is no such commit"
        raise BuildError(f"git {' '.join(words)}: {said}") from error
