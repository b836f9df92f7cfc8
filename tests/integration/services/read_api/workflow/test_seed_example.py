"""The vendor's example document, yielded by the events of a hand-made run."""

from tests.equality import differences
from tests.integration.services.read_api.process import ReadApi
from tests.seed_documents.workflow_execution import EXAMPLE, PATH


def test_events_of_a_run_give_the_example(read_api: ReadApi, seeds_key: str) -> None:
    """Each key in its order; the schema's own node type is handed through whole."""
    found = read_api.get(PATH, seeds_key).json
    assert [] == list(differences(EXAMPLE, found))


def test_list_item_of_the_run_is_the_example_of_the_list(read_api: ReadApi, seeds_key: str) -> None:
    """The vendor's list has the same keys but the steps, and says where it is."""
    listed = read_api.get(PATH.rpartition("/")[0], seeds_key).json
    item = {name: value for name, value in EXAMPLE["data"].items() if name != "steps"}
    place = {"totalCount": 1, "limit": 20, "offset": 0, "hasNext": False}
    assert [] == list(differences({"success": True, "pagination": place, "data": [item]}, listed))
