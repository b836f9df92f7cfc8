"""Each answer of the three vendor interfaces beside the program reports, and what it must be.

`ANSWERS` has one entry an endpoint: what to ask an installation for, and what the reference model
answers. Lists are asked for page by page, to beyond the end, and under each filter.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import count, zip_longest
from typing import Any, NamedTuple
from urllib.parse import quote

from tests.reference_model import ReferenceModel
from tests.reference_model.call_executions import Wanted

UNKNOWN_ID = "never/heard of"
_CAMPAIGN_STATUSES = (
    *("pending", "in_progress", "completed", "failed"),
    *("no_answer", "busy", "voicemail", "skipped"),
)
_WORKFLOW_STATUSES = ("active", "completed", "cancelled", "failed")
#: Of the attempts of one organization, how many are asked for one by one; lists hold the rest.
_SINGLES_MAX = 25
#: In which the odd attempts begin: some at its start, some later in it, some afterwards.
_SECOND = "2026-03-05T09:00:00Z"


class Asked(NamedTuple):
    """A path, and the body that it must have; None is 404.

    Attributes:
        only: Objects of the answer may have further keys, of which the documents say too little.
    """

    path: str
    body: Any
    only: bool = False


def campaign_executions(model: ReferenceModel, organization_id: str) -> Iterator[Asked]:
    """Every page of every campaign, and each status on one page."""
    for campaign_id in (*model.organization(organization_id).named("programId"), UNKNOWN_ID):
        path = f"/api/v1/campaigns/{encoded(campaign_id)}/executions"
        ask = partial(model.campaign_executions, organization_id, campaign_id)
        yield from _pages(path, ask, "page", per_page=70)
        for status in _CAMPAIGN_STATUSES:
            yield Asked(f"{path}?status={status}", ask(status=status))


def campaign_contacts(model: ReferenceModel, organization_id: str) -> Iterator[Asked]:
    """Contacts and progress of every campaign."""
    for campaign_id in (*model.organization(organization_id).named("programId"), UNKNOWN_ID):
        path = f"/api/v1/campaigns/{encoded(campaign_id)}"
        ask = partial(model.campaign_contacts, organization_id, campaign_id)
        yield from _pages(f"{path}/contacts", ask, "page", per_page=70)
        for status in _CAMPAIGN_STATUSES:
            yield Asked(f"{path}/contacts?status={status}", ask(status=status))
        yield Asked(f"{path}/progress", model.campaign_progress(organization_id, campaign_id))
        yield Asked(path, model.campaign(organization_id, campaign_id))


def call_executions(model: ReferenceModel, organization_id: str) -> Iterator[Asked]:
    """Single calls; runs and lone SMS among them, which are none."""
    for attempt_id in _singles(model, organization_id):
        path = f"/executions/{encoded(attempt_id)}"
        yield Asked(path, model.call_execution(organization_id, attempt_id))


def agent_executions(model: ReferenceModel, organization_id: str) -> Iterator[Asked]:
    """Every page of every agent, and the filters one by one."""
    filters = (
        Wanted(status="completed"),
        Wanted(status="in-progress"),
        Wanted(call_type="inbound"),
        Wanted(provider="plivo"),
        Wanted(answered_by_voice_mail=True),
        Wanted(answered_by_voice_mail=False),
        Wanted(batch_id="other"),
        Wanted(created_from=_SECOND),
        Wanted(created_to=_SECOND),
    )
    for agent_id in (*model.organization(organization_id).named("agentId"), UNKNOWN_ID):
        path = f"/v2/agent/{encoded(agent_id)}/executions"
        ask = partial(model.agent_executions, organization_id, agent_id)
        yield from _pages(path, ask, "page_number", page_size=50)
        for wanted in filters:
            ((key, value),) = ((k, v) for k, v in vars(wanted).items() if v is not None)
            query = key.removeprefix("created_")
            yield Asked(f"{path}?{query}={_text(value)}", ask(wanted=wanted))


def bare_lists(model: ReferenceModel, organization_id: str) -> Iterator[Asked]:
    """The calls of every batch, and of every agent, as the bare lists that there are of them."""
    for agent_id in (*model.organization(organization_id).named("agentId"), UNKNOWN_ID):
        body = model.call_list(organization_id, "agentId", agent_id)
        yield Asked(f"/agent/{encoded(agent_id)}/executions", body)
    for batch_id in (*model.organization(organization_id).named("batchId"), UNKNOWN_ID):
        body = model.call_list(organization_id, "batchId", batch_id)
        yield Asked(f"/batches/{encoded(batch_id)}/executions", body)
        batch = model.call_batch(organization_id, batch_id)
        yield Asked(f"/batches/{encoded(batch_id)}", batch)


def workflow_lists(model: ReferenceModel, organization_id: str) -> Iterator[Asked]:
    """Every page of every workflow, and each status."""
    for flow_id in (*model.organization(organization_id).named("flowId"), UNKNOWN_ID):
        path = _workflow(organization_id, flow_id)
        ask = partial(model.workflow_executions, organization_id, flow_id)
        yield from _pages(path, ask, "offset", first=0, step=100, limit=100)
        for status in _WORKFLOW_STATUSES:
            yield Asked(f"{path}?limit=100&status={status}", ask(limit=100, status=status))
        yield Asked(f"{path}?limit=100&contactId=1", ask(limit=100, contact_id="1"))
        yield Asked(f"{path}?limit=100&start={_SECOND}", ask(limit=100, start=_SECOND))
        yield Asked(f"{path}?limit=100&end={_SECOND}", ask(limit=100, end=_SECOND))


def workflow_executions(model: ReferenceModel, organization_id: str) -> Iterator[Asked]:
    """Single calls and runs under their own flow, and one under each other flow."""
    organization = model.organization(organization_id)
    for attempt_id in _singles(model, organization_id):
        attempt = organization.attempts[attempt_id]
        flow_id = organization.of_attempt(attempt, "flowId") or UNKNOWN_ID
        path = f"{_workflow(organization_id, flow_id)}/{encoded(attempt_id)}"
        yield Asked(path, model.workflow_execution(organization_id, flow_id, attempt_id))
    for flow_id in organization.named("flowId"):
        path = f"{_workflow(organization_id, flow_id)}/{encoded(attempt_id)}"
        yield Asked(path, model.workflow_execution(organization_id, flow_id, attempt_id))


def program_executions(model: ReferenceModel, organization_id: str) -> Iterator[Asked]:
    """Every page of the active executions, and each execution, active or not."""
    ask = partial(model.program_executions, organization_id)
    yield from _pages("/program-executions", ask, "page", limit=2)
    for execution_id in (*model.execution_ids(organization_id), UNKNOWN_ID):
        body = model.program_execution(organization_id, execution_id)
        yield Asked(f"/program-executions/{encoded(execution_id)}", body)


def call_reports(model: ReferenceModel, organization_id: str) -> Iterator[Asked]:
    """Single calls; runs and lone SMS among them, which are none."""
    for attempt_id in _singles(model, organization_id):
        path = f"/call-report/call/{encoded(attempt_id)}"
        yield Asked(path, model.call_run(organization_id, attempt_id), only=True)


Answers = Callable[[ReferenceModel, str], Iterable[Asked]]

ANSWERS: tuple[Answers, ...] = (
    campaign_executions,
    campaign_contacts,
    call_executions,
    agent_executions,
    bare_lists,
    workflow_lists,
    workflow_executions,
    program_executions,
    call_reports,
)


def encoded(id_: str) -> str:
    """An id as one segment of a path; a dot alone would be a step within it."""
    return quote(id_, safe="").replace(".", "%2E")


def _text(value: bool | str) -> str:
    return value if isinstance(value, str) else str(value).lower()


def narrowed(found: Any, expected: Any) -> Any:
    """The answer without the keys that nothing is expected of."""
    if isinstance(found, dict) and isinstance(expected, dict):
        return {k: narrowed(found[k], v) for k, v in expected.items() if k in found}
    if isinstance(found, list) and isinstance(expected, list):
        pairs = zip_longest(found, expected[: len(found)])
        return [narrowed(one, other) for one, other in pairs]
    return found


def _workflow(organization_id: str, flow_id: str) -> str:
    return f"/v1/accounts/{encoded(organization_id)}/workflows/{encoded(flow_id)}/executions"


def _singles(model: ReferenceModel, organization_id: str) -> list[str]:
    """Some attempts, spread over all of them, and every one whose id is no UUID."""
    ids = sorted(model.organization(organization_id).attempts)
    own = [id_ for id_ in ids if len(id_) != 36]
    return sorted({*ids[:: max(1, len(ids) // _SINGLES_MAX)], *own})


def _pages(
    path: str, ask: Callable[..., Any], key: str, *, first: int = 1, step: int = 1, **size: int
) -> Iterator[Asked]:
    """Page after page, and the empty one beyond the last."""
    ((size_key, items),) = size.items()
    for value in count(first, step):
        body = ask(**{key: value}, **size)
        yield Asked(f"{path}?{key}={value}&{size_key}={items}", body)
        if body is None or not next(part for part in body.values() if isinstance(part, list)):
            return
