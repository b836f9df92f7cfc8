"""The directory that one `callfold up` owns: its lock, passwords, ports and the servers' folders.

Claimed by `EmbeddedServers` and by the command `up`; the two servers ask it where to live. It
knows nothing of Redis or PostgreSQL beyond the names they pass in.

    lock            held while a run lives; carries its process id
    secrets.json    passwords, made once, mode 0600
    ports.json      ports of the last run, taken again where they are free
    logs/           what the servers and processes print
    processes/      what runs, so that the next run ends what a crashed one left
    valkey/ …       one folder for each server, owned by the account it runs as
"""

import fcntl
import json
import os
import secrets
import socket
from pathlib import Path
from typing import Self

from services.tooling.embedded.accounts import Account, server_account
from services.tooling.embedded.errors import EmbeddedServerError

_LOOPBACK = "127.0.0.1"
_SECRET_BYTES = 32


class DataDirectory:
    """A claimed data directory; nobody else can claim it until `release`."""

    def __init__(self, path: Path, lock_fd: int, account: Account | None) -> None:
        self.path = path
        self.account = account  #: whom the servers run as; None: as ourselves
        self._lock_fd = lock_fd

    @classmethod
    def claim(cls, path: Path) -> Self:
        """Create the directory where it is missing and lock it.

        Raises:
            EmbeddedServerError: in use by another run, not a directory, or not writable.
        """
        path = Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 -- keeps symbolic links
        lock_fd = -1
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock_fd = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            _lock(lock_fd, path)
            directory = cls(path, lock_fd, server_account(path))
            for name in ("logs", "processes"):
                (path / name).mkdir(mode=0o700, exist_ok=True)
        except FileExistsError:
            raise EmbeddedServerError(
                f"{path} is not a directory: give --data-dir another one"
            ) from None
        except NotADirectoryError:
            raise EmbeddedServerError(
                f"{path} lies below a file: give --data-dir another directory"
            ) from None
        except OSError as error:
            _close(lock_fd)
            raise EmbeddedServerError(
                f"cannot write to {path} ({error.strerror}): "
                "give --data-dir a directory that you own"
            ) from None
        except EmbeddedServerError:
            _close(lock_fd)
            raise
        return directory

    def release(self) -> None:
        """Let the next run claim the directory. May be called twice."""
        _close(self._lock_fd)
        self._lock_fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.release()

    def secret(self, name: str) -> str:
        """The secret of that name, made of random hexadecimal digits when first asked for."""
        known = self._read("secrets.json")
        if name not in known:
            known[name] = secrets.token_hex(_SECRET_BYTES)
            self._write("secrets.json", known)
        return str(known[name])

    def remembered_secret(self, name: str) -> str | None:
        """The secret of that name; None if there is none yet."""
        known = self._read("secrets.json")
        return str(known[name]) if name in known else None

    def remember_secret(self, name: str, value: str) -> None:
        """Keep a secret that was made elsewhere."""
        self._write("secrets.json", self._read("secrets.json") | {name: value})

    def port(self, name: str, *, preferred: int | None = None) -> int:
        """A free loopback port: `preferred`, else that of the last run, else any."""
        known = self._read("ports.json")
        last = known.get(name)
        candidates = [port for port in (preferred, last) if isinstance(port, int)]
        port = next((port for port in candidates if port_is_free(port)), None)
        if port is None:
            taken = {value for key, value in known.items() if key != name}
            port = _any_free_port(taken)
        if port != last:
            self._write("ports.json", known | {name: port})
        return port

    def server_folder(self, name: str) -> Path:
        """The folder of one server, created, and owned by the account that the server runs as."""
        folder = self.path / name
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            if self.account is not None:
                os.chown(folder, self.account.uid, self.account.gid)
        except OSError as error:
            raise EmbeddedServerError(
                f"cannot prepare {folder} ({error.strerror}): "
                "give --data-dir another directory, or run as the one who owns it"
            ) from None
        return folder

    def log(self, name: str) -> Path:
        """The file that the output of that process is appended to."""
        return self.path / "logs" / f"{name}.log"

    def record(self, name: str) -> Path:
        """The file that remembers the process of that name, see `process_records`."""
        return self.path / "processes" / name

    def _read(self, name: str) -> dict[str, object]:
        path = self.path / name
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not JSON"
            raise EmbeddedServerError(
                f"cannot read {path} ({reason}): restore it, or give --data-dir another directory"
            ) from None
        if not isinstance(content, dict):
            raise EmbeddedServerError(
                f"cannot read {path} (not a JSON object): "
                "restore it, or give --data-dir another directory"
            )
        return content

    def _write(self, name: str, content: dict[str, object]) -> None:
        """Replace the file as a whole: a crash leaves the old one or the new one."""
        fresh = self.path / f"{name}.new"
        fresh.unlink(missing_ok=True)
        file_fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file_fd, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path / name)


def port_is_free(port: int) -> bool:
    """Whether a server could listen on that loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_LOOPBACK, port))
        except OSError:
            return False
        return True


def _any_free_port(taken: set[object]) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind((_LOOPBACK, 0))
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port


def _lock(lock_fd: int, path: Path) -> None:
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock_fd, 20, 0).decode("ascii", "replace").strip() or "unknown"
        raise EmbeddedServerError(
            f"{path} is in use by process {holder}: "
            "stop that one, or give --data-dir another directory"
        ) from None
    os.ftruncate(lock_fd, 0)
    os.pwrite(lock_fd, f"{os.getpid()}\n".encode("ascii"), 0)


def _close(lock_fd: int) -> None:
    if lock_fd >= 0:
        os.close(lock_fd)
