"""The table of mutants: which text of which file becomes which other, and what must then fail."""

import tomllib
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]
_TABLES = Path(__file__).parent / "tables"


class Mutant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One mistake."""

    name: str
    area: str
    file: str
    #: Stands in the file exactly once.
    before: str
    after: str
    #: The node id of a test, without parameters.
    killed_by: str

    def applied(self, source: str) -> str:
        """The file's text with the mistake in it.

        Raises:
            ValueError: the file has changed; so must the mutant.
        """
        if source.count(self.before) != 1:
            found = source.count(self.before)
            raise ValueError(f"mutant {self.name} no longer applies: found {found} times")
        return source.replace(self.before, self.after)


def catalog() -> list[Mutant]:
    """Every mutant, by area and in the order of its table."""
    return [
        msgspec.convert({"name": name, "area": table.stem, **words}, Mutant)
        for table in sorted(_TABLES.glob("*.toml"))
        for name, words in tomllib.loads(table.read_text()).items()
    ]
