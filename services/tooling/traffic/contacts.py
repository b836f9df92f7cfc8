"""The audience: each contact follows from its index alone, so none is kept in memory."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

_FIRST_NAMES = ("Amina", "Youssef", "Zoë", "Jürgen", "Chloé", "Omar", "Иван", "Sofía", "Li", "Aya")
_LAST_NAMES = ("Benali", "O'Brien", "Müller", "de la Cruz", "Nguyễn", "El Fassi", "Hill, Jr.", "李")
_NAMELESS_BYTES = 10
_CITIES = ("Casablanca", "Rabat", "Fès", "Marseille", "Köln")

#: Name, display name, type and position of the organization's own contact attributes.
ATTRIBUTES: tuple[tuple[str, str, str | None, int | None], ...] = (
    ("city", "City", "text", 2),
    ("balance_due", "Balance due", "number", 1),
    ("promise_date", "Promised on", "date", 3),
    ("segment", "Segment", None, None),
)


class Contact(NamedTuple):
    """One person of the audience; `last_name` None where the list says none."""

    contact_id: str
    first_name: str
    last_name: str | None
    phone: str
    digest: bytes

    def profile(self) -> dict[str, Any]:
        """The payload of the first `contact.updated`."""
        data: dict[str, Any] = {"firstName": self.first_name, "phone": self.phone}
        if self.last_name is not None:
            data["lastName"] = self.last_name
        if self.digest[4] & 1:
            data["email"] = f"contact.{self.phone[-8:]}@example.com"
        data["attributes"] = {
            "city": _CITIES[self.digest[5] % len(_CITIES)],
            "balance_due": self.digest[6] * 10 + self.digest[7] / 4,
            "segment": "gold" if self.digest[8] % 5 == 0 else "standard",
        }
        return data

    def enrolment(self) -> Mapping[str, Any]:
        """The payload of `contact.enrolled`."""
        return {"phone": self.phone, "name": f"{self.first_name} {self.last_name or ''}".strip()}


def contact_of(identity: str, contact_id: str, index: int) -> Contact:
    """The contact at this place of the audience; the id may be shared with other campaigns."""
    digest = blake2b(f"{identity}\nprofile\n{index}".encode(), digest_size=16).digest()
    nameless = digest[0] < _NAMELESS_BYTES
    return Contact(
        contact_id=contact_id,
        first_name=_FIRST_NAMES[digest[1] % len(_FIRST_NAMES)],
        last_name=None if nameless else _LAST_NAMES[digest[2] % len(_LAST_NAMES)],
        phone=f"+2126{int.from_bytes(digest[9:13]) % 100_000_000:08d}",
        digest=digest,
    )
