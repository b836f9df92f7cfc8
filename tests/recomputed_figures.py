"""The second opinion of `callfold verify` on a set of events, beside the reference model's."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from services.tooling.verify.recomputation.database import (
    FigureDifference,
    Recomputation,
    recomputation,
)
from services.tooling.verify.served_figures import canonical, served_figures
from tests.reference_model import ReferenceModel

_MEMORY_MIB = 512
_SHOWN = 40
_PAGE = 100
#: An event as its publisher writes it.
as_published = msgspec.json.Encoder(decimal_format="number").encode


def differences_to_model(
    events: Iterable[dict[str, Any]], now: datetime
) -> tuple[list[FigureDifference], int]:
    """Where the recomputation differs from the reference model, and how many figures there are.

    Args:
        events: in the order of the log; `now` counts in whole seconds.
    """
    published = list(events)
    model = ReferenceModel(published)
    with recomputation(_MEMORY_MIB) as recomputed:
        for place, event in enumerate(published):
            recomputed.take_event(0, 1 + place // 3, place % 3, as_published(event))
        for organization_id in sorted({event["organizationid"] for event in published}):
            for execution_id in model.execution_ids(organization_id):
                recomputed.choose([(organization_id, execution_id)])
                _serve(recomputed, model, organization_id, execution_id, now)
        recomputed.count_events()
        recomputed.compute(int(now.astimezone(UTC).timestamp()) * 1_000_000)
        return recomputed.differences(_SHOWN), recomputed.counts().figures


def _serve(
    recomputed: Recomputation,
    model: ReferenceModel,
    organization_id: str,
    execution_id: str,
    now: datetime,
) -> None:
    """Hand the model's reports over in the place of the served ones."""
    owner = {"organization_id": organization_id, "execution_id": execution_id}
    place = organization_id, execution_id
    bodies: list[Any] = [
        model.report(*place, now),
        model.breakdown(*place),
        model.node_stats(*place),
        model.billing(*place),
    ]
    for figure, value in served_figures(*bodies):
        recomputed.take("feed_served", as_published({**owner, "figure": figure, "value": value}))
    before = 0
    while True:
        page: Any = model.calls(*place, page=before // _PAGE + 1, limit=_PAGE)
        for number, call in enumerate(page["data"], start=before + 1):
            said = {name: canonical(value) for name, value in call.items()}
            recomputed.take("feed_served_calls", as_published({**owner, "place": number, **said}))
        before += _PAGE
        if before >= page["meta"]["total"]:
            return
