"""The cache of states: bounded in bytes, least recently used out first."""

import pytest

from shared.projections.state_cache import Kept, StateCache, SubjectKey


def kept(size_bytes: int, revision: int = 1) -> Kept:
    """A subject of which so many bytes are kept."""
    quarter = bytes(size_bytes // 4)
    return Kept(revision, quarter, quarter, quarter, quarter)


def key(subject: str) -> SubjectKey:
    """The key of an attempt."""
    return ("attempt", "acme", subject)


@pytest.mark.parametrize("bytes_max", (0, 1, 5_000, 100_000))
def test_shrinking_holds_the_bound(bytes_max: int) -> None:
    """Whatever was put, at most so many bytes stay, counted with what Python adds."""
    cache = StateCache(bytes_max)
    for number in range(50):
        cache.put(number % 3, key(str(number)), kept(400))
    assert cache.bytes_held > 50 * 400
    cache.shrink()
    assert cache.bytes_held <= bytes_max
    found = [n for n in range(50) if cache.get(n % 3, key(str(n))) is not None]
    assert len(found) * 400 <= cache.bytes_held
    assert bool(found) == (bytes_max >= 5_000)


def test_the_least_recently_used_go_first() -> None:
    """Being read is a use, and so is being put again."""
    cache = StateCache(3 * 1_000)
    for subject in "abcd":
        cache.put(0, key(subject), kept(400))
    cache.get(0, key("a"))
    cache.put(0, key("b"), kept(400, revision=2))
    cache.shrink()
    left = [subject for subject in "abcd" if cache.get(0, key(subject)) is not None]
    assert ["a", "b", "d"] == left


def test_large_subjects_leave_once_they_are_committed() -> None:
    """Until then the next batch builds on them; the small ones stay, and all bytes are counted."""
    cache = StateCache(10**9)
    cache.put(0, key("small"), kept(400))
    alone = cache.bytes_held
    for lane, subject in ((0, "large"), (1, "gone"), (0, "shrunk"), (2, "again")):
        cache.put(lane, key(subject), kept(100_000))
    assert cache.get(0, key("large")) is not None
    cache.drop(1)
    cache.put(0, key("shrunk"), kept(400))
    cache.shrink()
    assert [None] * 3 == [
        cache.get(n, key(s)) for n, s in ((0, "large"), (1, "gone"), (2, "again"))
    ]
    cache.put(2, key("again"), kept(400))
    cache.shrink()
    assert cache.get(0, key("small")) is not None
    assert cache.get(2, key("again")) is not None
    assert 2 * alone == cache.bytes_held


def test_a_subject_put_again_counts_once() -> None:
    """The newer revision replaces the older one, bytes and all."""
    cache = StateCache(10_000)
    cache.put(0, key("a"), kept(4_000))
    cache.put(0, key("a"), kept(400, revision=2))
    twice = cache.bytes_held
    cache.clear()
    cache.put(0, key("a"), kept(400, revision=2))
    assert cache.bytes_held == twice
    assert kept(400, revision=2) == cache.get(0, key("a"))


def test_a_dropped_lane_takes_nothing_of_others_along() -> None:
    """A lane that changes hands is forgotten; its bytes are given back."""
    cache = StateCache(10_000)
    cache.put(0, key("a"), kept(400))
    alone = cache.bytes_held
    cache.put(1, key("b"), kept(800))
    cache.drop(1)
    cache.drop(2)
    assert cache.get(1, key("b")) is None
    assert cache.get(0, key("a")) is not None
    assert alone == cache.bytes_held


def test_a_cleared_cache_holds_nothing() -> None:
    """After a failed commit no lane's states may be found again."""
    cache = StateCache(10_000)
    for lane in (0, 1):
        cache.put(lane, key("a"), kept(400))
    cache.clear()
    assert [None, None] == [cache.get(lane, key("a")) for lane in (0, 1)]
    assert 0 == cache.bytes_held
