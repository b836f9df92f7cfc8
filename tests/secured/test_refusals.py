"""What is said where certificate, password or rights are wrong: by readiness, and by doctor."""

from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.command_line import run_callfold
from tests.installation import CERTIFICATES, ended_afterwards, free_port, until
from tests.secured.certificates import Authority
from tests.secured.secured_installation import SecuredServers, fresh_installation

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]
_CERTIFICATE = "the file with the certificate of who signed it"
_TLS = "rediss:// for Redis, sslmode=verify-full for PostgreSQL"
_LOGIN = "give the server's user and password in the URL"
_RIGHTS = "ACL SETUSER, as deploy/README.md lists them"


@pytest.mark.parametrize(
    ("server", "wrong", "said", "to_do"),
    (
        ("redis", "authority", "certificate verify failed", _CERTIFICATE),
        ("redis", "no file", "No such file or directory", _CERTIFICATE),
        ("redis", "plain", "Connection reset by peer", _TLS),
        ("redis", "password", "invalid username-password pair", _LOGIN),
        ("redis", "rights", "has no permissions to run the 'info' command", _RIGHTS),
        ("postgres", "authority", "certificate verify failed", _CERTIFICATE),
        ("postgres", "no file", "does not exist", _CERTIFICATE),
        ("postgres", "plain", "no encryption", _TLS),
        ("postgres", "password", "password authentication failed", _LOGIN),
        ("postgres", "host", "does not match host name", _CERTIFICATE),
    ),
)
def test_wrong_connection_is_refused_with_what_to_do(
    secured: SecuredServers, tmp_path: Path, server: str, wrong: str, said: str, to_do: str
) -> None:
    """`callfold doctor` quotes the refusal, never the password, and says what to do about it."""
    running = fresh_installation(secured)
    urls = {"redis": running.operating_url, "postgres": running.database_url}
    urls[server] = _made_wrong(secured, urls[server], wrong, tmp_path)
    done = run_callfold("doctor", redis_url=urls["redis"], database_url=urls["postgres"])
    lines = done.stdout.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith(f"error   {server} connection"))
    assert done.returncode == 1
    assert said in lines[at]
    assert to_do in lines[at + 1]
    for password in (
        secured.redis.password_of("operator"),
        secured.postgres.password_of("callfold"),
    ):
        assert password[:16] not in done.stdout + done.stderr


def _made_wrong(secured: SecuredServers, url: str, wrong: str, folder: Path) -> str:
    trusted = quote(str(secured.authority.certificate), safe="")
    if wrong == "authority":
        other = Authority(folder, "other").certificate
        return url.replace(trusted, quote(str(other), safe=""))
    if wrong == "plain":
        plain = url.replace("rediss:", "redis:").partition("?")[0]
        return plain if plain.startswith("redis") else f"{plain}?sslmode=disable"
    if wrong == "rights":
        return secured.redis.url_of("publisher")
    old, new = {
        "no file": (trusted, quote("/nowhere.crt", safe="")),
        "password": ("%2F%40%3A%25@", "@"),
        "host": ("127.0.0.1", "localhost"),
    }[wrong]
    return url.replace(old, new)


@pytest.mark.parametrize("command", ("XREAD", "SET"))
def test_projector_without_a_right_says_which_and_goes_on_with_it(
    secured: SecuredServers, command: str
) -> None:
    """Readiness names the command, at the first start too; with the right it turns green."""
    with ended_afterwards(fresh_installation(secured)) as running:
        secured.redis.give(f"ACL SETUSER projector -{command}")
        port = free_port()
        running.start_projector(probe_port=str(port))
        try:
            words = f"redis: this user has no permissions to run the '{command.lower()}' command"
            until(lambda: words in _readiness(port), f"readiness names {command}")
        finally:
            secured.redis.give(f"ACL SETUSER projector +{command}")
        until(lambda: _readiness(port) == "ok", "the projector is ready")


def _readiness(port: int) -> str:
    try:
        url = f"http://127.0.0.1:{port}/readyz"
        return httpx.get(url, timeout=10, verify=CERTIFICATES).text
    except httpx.HTTPError as error:
        return repr(error)
