"""Seeded chance and seeded ids; the only sources of variety in simulated traffic."""

import random
from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

from services.tooling.traffic.plan import CampaignPlan

T = TypeVar("T")


class Dice(random.Random):
    """A seeded generator with the few throws that traffic needs, cheap enough for each event."""

    def chance(self, share: float) -> bool:
        """Whether a thing of this share (0 to 1) happens now."""
        return self.random() < share

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, each as likely as the other."""
        return options[int(self.random() * len(options))]

    def between_us(self, low_ms: int, high_ms: int) -> int:
        """A time span in microseconds, from bounds in milliseconds."""
        return int((low_ms + self.random() * (high_ms - low_ms)) * 1000)


class Ids:
    """UUID texts by kind, the same ones for the same namespace and seed."""

    def __init__(self, plan: CampaignPlan) -> None:
        """Seed from the plan; decisions never touch these generators."""
        self._seed = plan.id_seed
        # A contact and a call may carry one id (events.md, Envelope): a shared namespace, made
        # to provoke clashes, provokes this one too.
        self._attempt_kind = "contact" if plan.id_namespace is not None else "attempt"
        self._attempts = 0
        self._steps = Dice(f"{self._seed}\nstep")
        self.flow = self._numbered("flow", 0)

    def contact(self, index: int) -> str:
        """The id of a contact, by its place in the audience: nothing has to be remembered."""
        return self._numbered("contact", index)

    def next_attempt(self) -> str:
        """The id of the next call, run or SMS."""
        self._attempts += 1
        return self._numbered(self._attempt_kind, self._attempts - 1)

    def next_part(self) -> str:
        """The id of a step, a recording or a message inside an attempt."""
        return uuid_text(self._steps.getrandbits(128))

    def _numbered(self, kind: str, number: int) -> str:
        digest = blake2b(f"{self._seed}\n{kind}\n{number}".encode(), digest_size=16).digest()
        return uuid_text(int.from_bytes(digest))


def uuid_text(bits: int) -> str:
    """128 random bits as the text of a version 4 UUID; ten times faster than the uuid module."""
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"
