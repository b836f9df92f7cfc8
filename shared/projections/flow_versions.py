"""The rows of `flow_versions`: each published version of a flow."""

from collections.abc import Iterator

from shared.folds.flow import FlowState


def flow_version_rows(
    organization_id: str, flow_id: str, state: FlowState
) -> Iterator[tuple[str, str, int, int, str]]:
    """Organization, flow, version, when it was published in µs, and what."""
    for number, version in state.versions.items():
        payload = version.published[4].decode()
        yield organization_id, flow_id, int(number), version.published_us, payload
