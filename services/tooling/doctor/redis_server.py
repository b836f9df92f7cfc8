"""Redis or Valkey: does it answer, does it keep what it acknowledged, may we do what we must."""

from collections.abc import Iterator
from typing import Any, Final

import redis

from services.tooling.doctor.check import Check, doubtful, judged, size_text, well, wrong
from services.tooling.doctor.machine import disk_check
from shared.delivery.server_facts import COMMANDS, RedisFacts, refused_commands

_VERSION_LEAST: Final = (7, 0)
_SLOW_MS: Final = 5.0
#: Share of `maxmemory` from which on publishers are soon refused.
_MEMORY_SHARE_MOST: Final = 0.9
_FSYNC: Final = {
    "always": "appendfsync always: what it acknowledged is on disk",
    "everysec": "appendfsync everysec: the last second may be lost where the machine dies",
}


def redis_checks(
    client: redis.Redis, url: str, facts: RedisFacts, keep_share: float
) -> Iterator[Check]:
    """All of one server."""
    info = facts.info
    yield judged(
        "redis connection",
        f"answers in {facts.latency_ms:.1f} ms",
        "put projectors nearer to it",
        good=facts.latency_ms <= _SLOW_MS,
        fatal=False,
    )
    yield _version(info)
    yield judged(
        "redis role",
        str(info.get("role", "unknown")),
        "give the URL of the primary: a replica takes no writes",
        good=info.get("role") == "master",
    )
    yield from _persistence(info, facts.settings)
    yield from _memory(info, keep_share)
    yield _idle_clients(facts.settings)
    yield _permissions(client)
    disk = disk_check("redis disk", url, facts.settings.get("dir"))
    if disk is not None:
        yield disk


def _version(info: dict[str, Any]) -> Check:
    version = str(info.get("redis_version", "0"))
    found = f"Redis {version}"
    if "valkey_version" in info:
        found = f"Valkey {info['valkey_version']}, which speaks {found}"
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    return judged("redis version", found, "Redis 7.0 or Valkey", good=numbers >= _VERSION_LEAST)


def _persistence(info: dict[str, Any], settings: dict[str, str]) -> Iterator[Check]:
    name = "redis persistence"
    if not info.get("aof_enabled"):
        yield wrong(
            name,
            "appendonly no: a restart loses what publishers were told is kept",
            "CONFIG SET appendonly yes, and write it into its configuration",
        )
        return
    fsync = settings.get("appendfsync")
    if fsync is None:
        yield well(name, "appendonly yes; appendfsync unknown: this user may not CONFIG GET")
    elif fsync in _FSYNC:
        yield well(name, f"appendonly yes, {_FSYNC[fsync]}")
    else:
        found = f"appendonly yes, appendfsync {fsync}: some 30 s may be lost"
        yield doubtful(name, found, "CONFIG SET appendfsync everysec, or always")
    if info.get("aof_last_write_status", "ok") != "ok":
        yield wrong(
            "redis append-only file",
            f"the last write failed: {info['aof_last_write_status']}",
            "look at its disk and its log: it takes no more writes",
        )


def _memory(info: dict[str, Any], keep_share: float) -> Iterator[Check]:
    policy = str(info.get("maxmemory_policy", "unknown"))
    evicted = int(info.get("evicted_keys", 0))
    yield judged(
        "redis maxmemory-policy",
        f"{policy}; {evicted:,} keys dropped since its start" if evicted else policy,
        "CONFIG SET maxmemory-policy noeviction, or it may drop whole streams when memory is short",
        good=policy == "noeviction",
    )
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    name = "redis memory"
    if not most:
        yield doubtful(
            name,
            f"{size_text(used)} used; maxmemory is not set",
            "set maxmemory: then archived entries go in time, before the system ends the server",
        )
        return
    share = used / most
    found = f"{size_text(used)} used, {share:.0%} of maxmemory"
    if share > _MEMORY_SHARE_MOST:
        yield wrong(name, found, "more maxmemory, or projectors that keep up: XADD fails soon")
    else:
        to_do = "more maxmemory, or a shorter CALLFOLD_STREAM_KEEP_MS: archived entries go early"
        yield judged(name, found, to_do, good=share <= keep_share, fatal=False)


def _idle_clients(settings: dict[str, str]) -> Check:
    timeout = settings.get("timeout", "unknown")
    return judged(
        "redis timeout",
        timeout if timeout in {"0", "unknown"} else f"idle clients are closed after {timeout} s",
        "CONFIG SET timeout 0: processes connect again each time, and say so in their logs",
        good=timeout in {"0", "unknown"},
        fatal=False,
    )


def _permissions(client: redis.Redis) -> Check:
    name = "redis permissions"
    refused = refused_commands(client)
    if refused is None:
        return doubtful(
            name,
            "unknown: this user may not ask by ACL WHOAMI and ACL DRYRUN",
            "let an administrator compare ACL GETUSER with the list in deploy/README.md",
        )
    found = f"all {len(COMMANDS)} commands" if not refused else f"refused: {', '.join(refused)}"
    return judged(name, found, "ACL SETUSER, as deploy/README.md lists them", good=not refused)
