"""A copy of the tree with servers of its own, in which one mutant after the other is tried."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, Self

from tests.mutants.catalog import ROOT, Mutant
from tests.servers import embedded_servers

Verdict = Literal["killed", "survived", "hung", "broken"]

_COPIED = ("services", "shared", "tests", "deploy", "pyproject.toml", "README.md", "Makefile")
_PYTEST = ("-m", "pytest", "-q", "-rfE", "-pno:cacheprovider", "--hypothesis-seed=0")
#: pytest's exit code where tests ran and one failed.
_FAILED = 1
_PATIENCE_S = 150.0
_WHERE = "import services, shared; print(*services.__path__, *shared.__path__)"


class Trial(NamedTuple):
    """What became of a mutant."""

    verdict: Verdict
    seconds: float
    #: What pytest said.
    output: str


class Workshop:
    """Runs tests on its copy; used by one thread, stopped by another."""

    def __init__(self, folder: Path) -> None:
        """Copies when it is entered."""
        self._tree = folder / "tree"
        self._data = folder / "data"
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False
        #: Of the file changed last; bytecode is told from source by whole seconds and length.
        self._mtime_s = int(time.time())

    def __enter__(self) -> Self:
        for name in _COPIED:
            source = ROOT / name
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, self._tree / name, ignore=ignored)
            else:
                shutil.copy2(source, self._tree / name)
        self._servers = embedded_servers(self._data)
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("CALLFOLD_", "PYTEST_"))},
            "PYTHONPATH": str(self._tree),
            "CALLFOLD_TEST_REDIS_URL": self._servers.redis_url,
            "CALLFOLD_TEST_DATABASE_URL": self._servers.database_url,
        }
        _, where = self._run("-c", _WHERE)
        for path in where.split():
            assert Path(path).is_relative_to(self._tree), f"not the copy is imported, but {path}"
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._servers.stop()

    def passes(self, tests: Collection[str]) -> tuple[bool, str]:
        """Whether tests pass on the tree as it is, and what pytest said."""
        code, output = self._run(*_PYTEST, *tests, patience_s=20 * _PATIENCE_S)
        return code == 0, output

    def try_out(self, mutant: Mutant) -> Trial:
        """Run the test that has to fail while the mistake is in the tree."""
        began_s = time.monotonic()
        with self._mutated(mutant):
            code, output = self._run(*_PYTEST, "-x", mutant.killed_by)
        return Trial(verdict(code, output, mutant.killed_by), time.monotonic() - began_s, output)

    def stop(self) -> None:
        """End the test under way; no other will begin."""
        self._stopped = True
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    @contextmanager
    def _mutated(self, mutant: Mutant) -> Iterator[None]:
        file = self._tree / mutant.file
        source = file.read_text()
        self._write(file, mutant.applied(source))
        try:
            yield
        finally:
            self._write(file, source)
            shutil.rmtree(self._tree / ".hypothesis", ignore_errors=True)  # examples are no memory

    def _write(self, file: Path, source: str) -> None:
        file.write_text(source)
        self._mtime_s += 1
        os.utime(file, (self._mtime_s, self._mtime_s))

    def _run(self, *arguments: str, patience_s: float = _PATIENCE_S) -> tuple[int | None, str]:
        """Exit code (None where patience ended) and output of Python on the copy."""
        if self._stopped:
            return None, ""
        with subprocess.Popen(
            [sys.executable, *arguments], cwd=self._tree, env=self._environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:  # fmt: skip
            self._process = process
            try:
                output, _ = process.communicate(timeout=patience_s)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return None, process.communicate()[0]
            finally:
                self._process = None
        return process.returncode, output


def verdict(code: int | None, output: str, test: str) -> Verdict:
    """What a run of pytest says of a mutant; that nothing could be run is no kill."""
    if code == 0:
        return "survived"
    if code is None or "Failed: Timeout" in output:
        return "hung"
    failed = re.search(rf"^FAILED {re.escape(test)}(\[| |$)", output, re.MULTILINE)
    return "killed" if code == _FAILED and failed else "broken"
