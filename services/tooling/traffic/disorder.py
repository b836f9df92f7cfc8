"""What a network does to a stream: some events twice, some late; used before publishing."""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

from services.tooling.traffic.campaign import Event
from services.tooling.traffic.dice import Dice


def disorder(
    events: Iterable[Event],
    *,
    seed: int,
    duplicate_share: float = 0.05,
    disorder_share: float = 0.20,
    window: int = 500,
) -> Iterator[Event]:
    """The same events, some of them repeated verbatim and some of them later.

    Args:
        duplicate_share: Share of events (0 to 1) that come once more.
        disorder_share: Share of events (0 to 1) that come late.
        window: By how many positions of the input an event or its repetition is late at most;
            also how many events are held at a time.

    Yields:
        Events; a repetition is the same dict again, so treat them as immutable.
    """
    dice = Dice(f"{seed}\ndisorder")
    held: list[tuple[int, int, Event]] = []
    ticket = 0
    for position, event in enumerate(events):
        while held and held[0][0] <= position:
            yield heappop(held)[2]
        if dice.chance(duplicate_share):
            ticket += 1
            heappush(held, (position + 1 + int(dice.random() * window), ticket, event))
        if dice.chance(disorder_share):
            ticket += 1
            heappush(held, (position + 1 + int(dice.random() * window), ticket, event))
        else:
            yield event
    while held:
        yield heappop(held)[2]
