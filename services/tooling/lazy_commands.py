"""Groups of commands of which each is imported when it is called, not to list the others."""

import importlib
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group


class Command(NamedTuple):
    """One line of a group's `--help`."""

    name: str
    #: `module:attribute` of a function, or of a `typer.Typer` with commands of its own.
    target: str
    #: The beginning of its own help, which is not imported for the list; a test compares them.
    help: str


#: Commands by the heading under which `--help` lists them.
Panels = Mapping[str, tuple[Command, ...]]


class LazyCommand(TyperCommand):
    """A command that is known by name and help until it is called."""

    def __init__(self, known: Command, panel: str) -> None:
        super().__init__(known.name, help=known.help, rich_help_panel=panel)
        self._known = known

    def load(self) -> TyperCommand | TyperGroup:
        """The command itself, with its options or its own commands."""
        module, _, attribute = self._known.target.partition(":")
        target = getattr(importlib.import_module(module), attribute)
        outer = typer.Typer(rich_markup_mode="markdown")
        if isinstance(target, typer.Typer):
            outer.add_typer(target, name=self._known.name)
        else:
            outer.command(self._known.name)(target)
        loaded = get_group(outer).commands[self._known.name]
        assert isinstance(loaded, (TyperCommand, TyperGroup))
        return loaded

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Typer asks for it when the command is called; from here on it is the loaded one."""
        return self.load().make_context(*arguments, **options)


class LazyGroup(TyperGroup):
    """A group of such commands; give it to `typer.Typer` as `cls`."""

    panels: ClassVar[Panels]

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for panel, commands in self.panels.items():
            for known in commands:
                self.add_command(LazyCommand(known, panel))
