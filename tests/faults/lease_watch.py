"""Who owns which lane, as tests of F11 and F13 see it from outside."""

import psycopg

from tests.installation import Installation, until


def leases(running: Installation) -> dict[int, tuple[str, int]]:
    """Lane → owner and epoch, of leases that have not run out."""
    with psycopg.connect(running.database_url) as connection:
        if connection.execute("SELECT to_regclass('callfold.leases')").fetchone() == (None,):
            return {}  # nobody has begun yet
        rows = connection.execute(
            "SELECT lane, owner, epoch FROM callfold.leases WHERE expires_at > now()"
        ).fetchall()
    return {lane: (owner, epoch) for lane, owner, epoch in rows}


def wait_for_owners(running: Installation, owners: int) -> None:
    """Wait until so many projectors share the lanes, or more."""

    def share() -> bool:
        return len({owner for owner, _ in leases(running).values()}) >= owners

    until(share, f"{owners} projectors hold lanes", 120)


def wait_for_owner(running: Installation, pid: int) -> None:
    """Wait until a process holds lanes; others may be those of a dead one."""

    def owns() -> bool:
        return any(f":{pid}:" in owner for owner, _ in leases(running).values())

    until(owns, f"process {pid} holds lanes", 120)


def lanes_of(running: Installation, pid: int) -> dict[int, int]:
    """Lane → epoch of what a process held last, whether its lease has run out or not."""
    with psycopg.connect(running.database_url) as connection:
        rows = connection.execute(
            "SELECT lane, epoch FROM callfold.leases WHERE owner LIKE %s", (f"%:{pid}:%",)
        ).fetchall()
    assert rows, f"process {pid} held no lane"
    return dict(rows)


def wait_for_takeover(running: Installation, lost: dict[int, int]) -> None:
    """Wait until others hold all these lanes, each at a later epoch than its last owner (O4)."""

    def taken() -> bool:
        held = leases(running)
        return all(lane in held and held[lane][1] > epoch for lane, epoch in lost.items())

    until(taken, "others hold the lanes", 120)
