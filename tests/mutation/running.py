"""Tests run beside a mutated module, in a process of their own that is forked for them.

The parent has imported what tests import from elsewhere, and nothing of this project's: so a fork
is at its tests in a second, and imports the module as the mutation left it.
"""

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import json
import os
import select
import signal
import sys
import types
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.mutation.rows import Row, without

_PRELOADED = (
    *("aiohttp", "hypothesis", "msgspec", "pytest_asyncio", "pydantic", "anthropic", "openai"),
    *("starlette.applications", "redis.asyncio", "multidict", "yarl", "uvloop", "click"),
)
_OURS = ("broker", "workers", "sim", "streamhold_client", "tests.unit", "tests.plausible")
_OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "--assert=plain", "--no-header", "--tb=no")


class Verdict(NamedTuple):
    """What became of a mutation: the test that noticed, if one did."""

    noticed_by: str | None


def preload() -> None:
    """Import what is not ours, once for all forks."""
    for name in _PRELOADED:
        importlib.import_module(name)
    ours = [name for name in sys.modules if name.startswith(_OURS)]
    if ours:
        raise RuntimeError(f"imported too early: {ours}")


def run(path: str | None, row: Row | None, tests: tuple[str, ...], patience: float) -> Verdict:
    """Run these tests without that row of that module (None: as it is).

    Raises:
        RuntimeError: they could not be run at all.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        code = 1
        try:
            noticed = _child(path, row, tests)
            os.write(writing, json.dumps(noticed).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    try:
        ready, _, _ = select.select([reading], [], [], patience)
        data = os.read(reading, 65536) if ready else b""
    finally:
        os.close(reading)
        if not data:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    if ready and not data:
        raise RuntimeError("the process that ran the tests died of itself")
    if not data:
        return Verdict(f"none, for they had not ended after {patience:.0f} s")
    return Verdict(json.loads(data))


def _child(path: str | None, row: Row | None, tests: tuple[str, ...]) -> str | None:
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    if path is not None and row is not None:
        sys.meta_path.insert(0, _Mutation(path, row))
    watch = _Watch()
    code = pytest.main([*_OPTIONS, *tests], plugins=[watch])
    if watch.failed is not None or code == pytest.ExitCode.OK:
        return watch.failed
    return f"pytest, which says {code}"


class _Watch:
    """Remembers the first test that fails, or module that can't be read."""

    def __init__(self) -> None:
        self.failed: str | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.failed is None:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and self.failed is None:
            self.failed = f"{report.nodeid} (can't be imported)"


class _Mutation(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module without a row of it."""

    def __init__(self, path: str, row: Row) -> None:
        self._path = path
        self._row = row
        self._name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def find_spec(
        self, fullname: str, path: object = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        package = self._path.endswith("/__init__.py")
        spec = importlib.machinery.ModuleSpec(fullname, self, origin=self._path, is_package=package)
        if package:
            spec.submodule_search_locations = [str(Path(self._path).parent)]
        spec.has_location = True
        return spec

    def exec_module(self, module: types.ModuleType) -> None:
        source = Path(self._path).read_text()
        exec(compile(without(source, self._row, self._path), self._path, "exec"), module.__dict__)
