"""Events of agents' calls, without ids: `Batches` gives each its own."""

from typing import Any


def event(
    type_: str,
    subject: str,
    time: str,
    *,
    execution_id: str | None = None,
    organization_id: str = "acme",
    **data: Any,
) -> dict[str, Any]:
    """One event; a time of day is one of 2026-03-02."""
    envelope = {
        "specversion": "1.0",
        "source": "/agents",
        "type": type_,
        "subject": subject,
        "time": time if "T" in time else f"2026-03-02T{time}Z",
        "organizationid": organization_id,
        "data": {key.rstrip("_"): value for key, value in data.items()},
    }
    return envelope if execution_id is None else {**envelope, "executionid": execution_id}


def initiated(
    call: str,
    clock: str,
    execution_id: str | None = None,
    organization_id: str = "acme",
    **data: Any,
) -> dict[str, Any]:
    """Dialling began."""
    numbers = {"from_": "+1", "to": "+2"}
    return event(
        "call.initiated",
        call,
        clock,
        execution_id=execution_id,
        organization_id=organization_id,
        **numbers | data,
    )
