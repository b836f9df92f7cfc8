"""The table of all commands, which `__main__` shows; what a command needs is imported by its call.

To add a command, add one `Command` to the panel where an operator would look for it.
"""

from typing import ClassVar

from services.tooling.lazy_commands import Command, LazyGroup, Panels


class Commands(LazyGroup):
    """`callfold` itself."""

    panels: ClassVar[Panels] = {
        "Run": (
            Command(
                "up",
                "services.tooling.up:up",
                "Run all of Callfold on this machine until Ctrl-C.",
            ),
            Command(
                "demo",
                "services.tooling.demo:demo",
                "Run a messy campaign through everything and check every figure of its reports.",
            ),
            Command(
                "simulate",
                "services.tooling.simulate:simulate",
                "Publish simulated campaigns to any installation",
            ),
        ),
        "Look": (
            Command(
                "lag",
                "services.tooling.lag:lag",
                "How far every lane is behind",
            ),
            Command(
                "replay",
                "services.tooling.replay.command:replay",
                "Print the events of one subject in the order of the log",
            ),
            Command(
                "explain",
                "services.tooling.explain.command:explain",
                "Which attempts make a figure of a report, and which of their events decide.",
            ),
            Command(
                "verify",
                "services.tooling.verify.command:verify",
                "Compute the figures of the reports anew, from the log alone, and compare.",
            ),
            Command(
                "log",
                "services.tooling.log:log_app",
                "Look into the log of record: every event that was ever accepted",
            ),
            Command(
                "incidents",
                "services.tooling.incidents:incidents_app",
                "What was lost, or may have been, the latest first; each with what to do.",
            ),
            Command(
                "doctor",
                "services.tooling.doctor.command:doctor",
                "Look whether the installation is as it must be: servers, settings, data",
            ),
            Command(
                "audit",
                "services.tooling.audit:audit",
                "Who changed what by the command line, the latest first.",
            ),
        ),
        "Mend": (
            Command(
                "parked",
                "services.tooling.parked:parked_app",
                "Bad events: list them, look at one, publish it again, or put it aside for good.",
            ),
            Command(
                "breaker",
                "services.tooling.breaker:breaker_app",
                "Lanes that archive without folding, and how to let them fold again.",
            ),
            Command(
                "rebuild",
                "services.tooling.rebuild.command:rebuild",
                "Fold the log from its first event into a new generation",
            ),
            Command(
                "generations",
                "services.tooling.rebuild.moving:generations",
                "List the generations: which is live, which are followed, how large they are.",
            ),
            Command(
                "switch",
                "services.tooling.rebuild.moving:switch",
                "Make another complete generation live",
            ),
            Command(
                "rollback",
                "services.tooling.rebuild.moving:rollback",
                "Make the generation live again that was live before",
            ),
            Command(
                "drop",
                "services.tooling.rebuild.moving:drop",
                "Remove a generation that is not live",
            ),
        ),
        "Manage": (
            Command(
                "keys",
                "services.tooling.keys:keys_app",
                "Make, list, rotate and revoke API keys",
            ),
            Command(
                "migrate",
                "services.tooling.migrate:migrate_command",
                "Apply migrations; projectors do the same when they start.",
            ),
        ),
    }
