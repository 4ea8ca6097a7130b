"""What is wrong with the embedded store's log (its append-only file) when it is not loaded.

The store itself loads a log whose last record is cut off, as a crash leaves it: it says so and
goes on without that record. Anything else that can't be read ends it, each time anew. Which file
it is and where it breaks is found by the store's own checkers, file by file: the binary is all of
them, by the name it is called with. (The one for whole manifests takes a base written by Valkey 9
for a broken one.)
"""

import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

FOLDER = "appendonlydir"
MANIFEST = "appendonly.aof.manifest"
_ENTRY = re.compile(r"^file (\S+) seq \d+ type ([bhi])")
_SOUND = re.compile(rb"ok_up_to=(\d+)")


@dataclass(frozen=True)
class Damage:
    """A file that can't be loaded.

    ``sound`` is how many of its bytes can; it is set where the rest may be cut off: only of the
    last file, for what later files hold builds on it.
    """

    file: Path
    problem: str
    sound: int | None = None


def explain(binary: Path, data: Path) -> str | None:
    """What is wrong with the log, and what to do; None if nothing is."""
    damage = find_damage(binary, data)
    if damage is None:
        return None
    folder = data / FOLDER
    lines = [
        f"The log of the store is damaged. It was not loaded, and nothing in {folder} was changed.",
        f"  {damage.file}: {damage.problem}",
        "Put a backup of that folder in its place.",
    ]
    if damage.sound is not None:
        lost = damage.file.stat().st_size - damage.sound
        fix = f"exec -a valkey-check-aof {shlex.quote(str(binary))} --fix {_quoted(damage.file)}"
        lines[-1:] = [
            "Put a backup of that folder in its place, or keep what is sound and give up what was",
            f"written after it ({lost:,} bytes):",
            f"  cp -a {_quoted(folder)} {_quoted(folder.with_name(FOLDER + '.damaged'))}",
            f"  bash -c {shlex.quote(fix)}",
        ]
    return "\n".join(lines)


def find_damage(binary: Path, data: Path) -> Damage | None:
    """The first file of the log that can't be loaded, in the order of loading."""
    folder = data / FOLDER
    manifest = folder / MANIFEST
    if not manifest.exists():
        return None
    lines = manifest.read_text(errors="replace").splitlines()
    entries = [_ENTRY.match(line) for line in lines if line and not line.startswith("#")]
    kept = [entry for entry in entries if entry is not None and entry[2] != "h"]
    if not kept or len([entry for entry in entries if entry is None]):
        return Damage(manifest, "it does not list the files of a log")
    for entry in kept:
        file = folder / entry[1]
        if not file.is_file():
            return Damage(file, "it is missing")
        damage = _check(binary, file, last=entry is kept[-1])
        if damage is not None:
            return damage
    return None


def _check(binary: Path, file: Path, *, last: bool) -> Damage | None:
    name = "valkey-check-rdb" if file.suffix == ".rdb" else "valkey-check-aof"
    done = subprocess.run(
        [name, str(file)], executable=binary, stdin=subprocess.DEVNULL, capture_output=True
    )
    if done.returncode == 0:
        return None
    found = _SOUND.search(done.stdout)
    if found is None:
        return Damage(file, "it can't be read")
    problem = f"sound up to byte {int(found[1]):,} of {file.stat().st_size:,}"
    return Damage(file, problem, int(found[1]) if last else None)


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
