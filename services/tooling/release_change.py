"""What `callfold up` does first: data that another release folded is folded anew, if told so."""

import os
from collections.abc import Callable
from functools import partial

from services.tooling.audit import who
from services.tooling.rebuild.whole import Wanted, outcome_lines, rebuild_whole
from shared.delivery.connection import redis_client
from shared.delivery.publisher import read_partitions
from shared.errors import GenerationError
from shared.folds.states import FOLD_VERSION
from shared.storage.connection import connect
from shared.storage.generations import all_generations, live_of
from shared.storage.schema import migrate

_EXAMPLES = 10


def fold_as_this_release(
    redis_url: str, database_url: str, *, rebuilds: bool, say: Callable[[str], None]
) -> None:
    """See to it that the live generation is of this release's fold version.

    Args:
        redis_url: says how many partitions there are, where the database is new.
        database_url: is migrated here, as a projector would.
        rebuilds: fold the log anew where it is not, whatever changes; the old one is kept.
        say: takes lines for the operator.

    Raises:
        GenerationError: it is not, and nobody told to rebuild it.
    """
    client = redis_client(redis_url)
    migrate(database_url, partial(read_partitions, client))
    client.close()
    with connect(database_url, "up") as connection:
        live = live_of(all_generations(connection))
    if live.fold_version == FOLD_VERSION:
        return
    if not rebuilds:
        raise GenerationError(
            f"these data were folded by another release (fold version {live.fold_version}, this"
            f" one has {FOLD_VERSION}): run `callfold up --rebuild` to fold the log anew, which"
            " says what changes and keeps the old reports for `callfold rollback`"
        )
    wanted = Wanted(
        keep=False,
        accept_differences=True,
        processes=os.cpu_count() or 1,
        examples=_EXAMPLES,
        name=who(None),
        quiet=False,
    )
    for line in outcome_lines(rebuild_whole(database_url, wanted)):
        say(line)
