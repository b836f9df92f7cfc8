"""URLs of a single server, a cluster and a service behind Sentinel; what is wrong is said."""

import pytest

from shared.delivery.connection import connection_options, sentinel_options
from shared.errors import SettingsError
from shared.redis_url import RedisUrl, Topology, parse_redis_url
from shared.settings import Settings


@pytest.mark.parametrize(
    "url", ("redis://:p@h:1/2", "rediss://u:p@h?ssl_ca_certs=/ca.pem", "unix:///run/redis.sock")
)
def test_single_server_is_left_as_it_is(url: str) -> None:
    """redis-py reads these by itself."""
    assert RedisUrl(Topology.SINGLE, url) == parse_redis_url(url)


def test_cluster_names_nodes_and_options() -> None:
    """A node without a port has 6379; an IPv6 address stands in brackets."""
    parsed = parse_redis_url("rediss+cluster://u:p%40ss@a:7001,b,[::1]:7003?ssl_ca_certs=/ca.pem")

    assert Topology.CLUSTER is parsed.topology
    assert (("a", 7001), ("b", 6379), ("::1", 7003)) == parsed.addresses
    options = connection_options(parsed)
    assert "SSLConnection" == options.pop("connection_class").__name__
    assert {"username": "u", "password": "p@ss", "ssl_ca_certs": "/ca.pem"} == options


def test_sentinel_names_service_database_and_two_logins() -> None:
    """The login before the hosts is the servers'; the Sentinels' is an option. TLS is for both."""
    parsed = parse_redis_url(
        "rediss+sentinel://u:p@a,b:26380/my%20redis/3"
        "?sentinel_username=s&sentinel_password=t%2Ft&ssl_ca_certs=/ca.pem&health_check_interval=5"
    )

    assert (Topology.SENTINEL, "my redis") == (parsed.topology, parsed.service)
    assert (("a", 26379), ("b", 26380)) == parsed.addresses
    options = connection_options(parsed)
    assert "SSLConnection" == options.pop("connection_class").__name__
    assert {
        "username": "u", "password": "p", "db": 3,
        "ssl_ca_certs": "/ca.pem", "health_check_interval": 5,
    } == options  # fmt: skip
    assert {
        "username": "s", "password": "t/t", "ssl": True, "ssl_ca_certs": "/ca.pem", "x": 1,
    } == sentinel_options(parsed, {"x": 1})  # fmt: skip


def test_sentinel_needs_no_database_and_no_login() -> None:
    """Database 0; the Sentinels are asked without a password, though the server has one."""
    parsed = parse_redis_url("redis+sentinel://:p@a:1,[::2]:2/callfold")

    assert (("a", 1), ("::2", 2)) == parsed.addresses
    assert {"password": "p", "db": 0} == connection_options(parsed)
    assert {"ssl": False} == sentinel_options(parsed, {})


@pytest.mark.parametrize(
    ("url", "says"),
    (
        ("", "not a URL"),
        ("http://:secret@a", "not a URL"),
        ("redis+cluster:///0", "HOST:PORT"),
        ("redis+cluster://:secret@a:1,,b:2", "HOST:PORT"),
        ("redis+cluster://:secret@a:70000", "HOST:PORT"),
        ("redis+cluster://:secret@a:1/1", "database 0 alone"),
        ("redis+sentinel://:secret@a:1", "/SERVICE"),
        ("redis+sentinel://:secret@a:1/x/y", "/SERVICE"),
        ("redis+sentinel://:secret@a:1/x?sentinel_db=1", "sentinel_password"),
    ),
)
def test_wrong_url_is_refused_without_quoting_it(url: str, says: str) -> None:
    """The message says what is right, and never a password."""
    with pytest.raises(ValueError, match=says) as refused:
        parse_redis_url(url)

    assert "secret" not in str(refused.value)


def test_setting_that_is_no_url_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is named, its value is not."""
    monkeypatch.setenv("CALLFOLD_REDIS_URL", "redis+sentinel://:secret@a:1")

    with pytest.raises(SettingsError, match=r"CALLFOLD_REDIS_URL: .* /SERVICE") as refused:
        Settings.from_environment()

    assert "secret" not in str(refused.value)
