"""Walks through a list: what page n + 1 goes on behind, retries, who shares one, what is kept."""

from services.read_api.campaigns.walks import ListKey, Walk, Walks
from shared.reports.campaign_executions import ItemRow, Place

_KEY = ListKey("ann", "acme", "p", None, 2)
#: About what a walk of few items takes.
_SMALL = Walk().size_bytes


def item(executed_us: int, number: int) -> ItemRow:
    """An item of which only its place matters."""
    return ItemRow(executed_us, number, *(None,) * 13)


def served(walks: Walks, key: ListKey, page: int, *items: ItemRow) -> Walk:
    """Serve a page of a walk that leads there."""
    walk = walks.leading_to(key, page)
    assert walk is not None
    walk.step(list(items))
    walks.keep(key, walk)
    return walk


def test_next_page_goes_on_behind_the_last_item() -> None:
    """And knows what was served, page by page."""
    walks = Walks()
    assert Walk().end is None
    served(walks, _KEY, 1, item(9, 1), item(8, 2))
    second = walks.leading_to(_KEY, 2)
    assert second is not None
    assert Place(8, 2) == second.end
    assert {1, 2} == second.served()


def test_page_asked_again_is_served_from_the_same_place() -> None:
    """A client whose connection broke loses nothing by trying again."""
    walks = Walks()
    served(walks, _KEY, 1, item(9, 1), item(8, 2))
    served(walks, _KEY, 2, item(7, 3), item(6, 4))
    again = walks.leading_to(_KEY, 2)
    assert again is not None
    assert Place(8, 2) == again.end
    assert {1, 2} == again.served()
    again.step([item(7, 3), item(6, 4)])
    walks.keep(_KEY, again)
    assert Place(6, 4) == served(walks, _KEY, 3).end


def test_page_is_given_back_where_it_failed() -> None:
    """What was taken and not served can be taken again, however often."""
    walks = Walks()
    served(walks, _KEY, 1, item(9, 1))
    served(walks, _KEY, 2, item(8, 2))
    for _again in range(3):
        walk = walks.leading_to(_KEY, 2)
        assert walk is not None
        assert Place(9, 1) == walk.end
        walks.keep(_KEY, walk)


def test_only_the_latest_page_can_be_asked_again() -> None:
    """Further back the walk leads nowhere, and the page is found by its number."""
    walks = Walks()
    for page in (1, 2, 3):
        served(walks, _KEY, page, item(-page, page))
    third = walks.leading_to(_KEY, 3)
    assert third is not None
    walks.keep(_KEY, third)
    assert walks.leading_to(_KEY, 2) is None


def test_empty_page_leaves_the_walk_where_it_is() -> None:
    """More may arrive behind the end."""
    walks = Walks()
    served(walks, _KEY, 1, item(9, 1))
    served(walks, _KEY, 2)
    third = walks.leading_to(_KEY, 3)
    assert third is not None
    assert Place(9, 1) == third.end


def test_jump_is_led_to_by_no_walk() -> None:
    """Nor is the first page after one that nobody has asked for."""
    walks = Walks()
    served(walks, _KEY, 1, item(9, 1))
    assert walks.leading_to(_KEY, 3) is None
    assert Walks().leading_to(_KEY, 2) is None


def test_walk_goes_on_from_a_jump() -> None:
    """The page before was found by its number; from there on nothing shifts."""
    walks = Walks()
    jumped = Walk(pages_before=6)
    jumped.step([item(5, 5)])
    walks.keep(_KEY, jumped)
    assert Place(5, 5) == served(walks, _KEY, 8).end
    assert walks.leading_to(_KEY, 7) is None


def test_walks_of_others_lead_nowhere_here() -> None:
    """Every part of the key tells them apart."""
    walks = Walks()
    served(walks, _KEY, 1, item(9, 1))
    others = (
        _KEY._replace(reader="bob"),
        _KEY._replace(organization_id="globex"),
        _KEY._replace(campaign_id="q"),
        _KEY._replace(status="busy"),
        _KEY._replace(per_page=3),
    )
    assert [None] * 5 == [walks.leading_to(other, 2) for other in others]
    assert walks.leading_to(_KEY, 2) is not None


def test_longest_unused_walk_makes_room() -> None:
    """By bytes; a walk that is used again is the newest."""
    walks = Walks(bytes_max=3 * _SMALL)
    first, second = _KEY._replace(campaign_id="1"), _KEY._replace(campaign_id="2")
    for key in (first, second):
        served(walks, key, 1, item(9, 1))
    served(walks, first, 2, item(8, 2))
    served(walks, _KEY, 1, *(item(-n, n) for n in range(100)))
    assert walks.leading_to(second, 2) is None
    assert walks.leading_to(first, 3) is not None
    assert walks.leading_to(_KEY, 2) is not None


def test_walk_that_is_too_long_is_forgotten() -> None:
    """Even the newest: memory is bounded whatever a list holds."""
    walks = Walks(bytes_max=_SMALL)
    served(walks, _KEY, 1, item(9, 1))
    assert walks.leading_to(_KEY, 2) is None
