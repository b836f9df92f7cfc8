"""A Redis or Valkey Cluster as if it were one server: each command goes where its key lies.

redis-py's own `RedisCluster` connects when it is made, answers errors that are no `RedisError`, and
sends a pipeline again command by command, which takes minutes where a node is silent (D-053).
Here a pipeline succeeds or fails as a whole, and callers send it again with the same ids.
"""

from collections.abc import Sequence
from typing import Any

import redis
from redis.client import Pipeline
from redis.exceptions import AskError, MovedError

from shared.contracts.stream_names import KEYS_PREFIX
from shared.delivery.cluster_nodes import ClusterNodes
from shared.redis_url import Address

#: Redirections of one command in a row, before the cluster is believed to be of two minds.
_REDIRECTIONS_MAX = 5


class ClusterClient(redis.Redis):
    """The client of a cluster; `redis_client` makes it."""

    def __init__(self, nodes: ClusterNodes) -> None:
        """Connects at the first command."""
        super().__init__(protocol=2)
        self.nodes = nodes

    def execute_command(self, *words: Any, **options: Any) -> Any:
        """Ask the node that serves the command's key, or any node where it has none."""
        asked, asking = self.nodes.serving(_key(words)), False
        for _ in range(_REDIRECTIONS_MAX):
            try:
                with self.nodes.learning(asked):
                    return self._ask(asked, words, options, asking=asking)
            except MovedError:
                asked, asking = self.nodes.serving(_key(words)), False
            except AskError as error:
                asked, asking = (error.host or asked[0], error.port), True
        raise redis.ConnectionError("the nodes of the cluster do not agree who serves a key")

    def pipeline(
        self,
        transaction: bool = True,  # noqa: FBT001, FBT002 -- as redis-py has it
        shard_hint: str | None = None,
    ) -> Pipeline:
        """Commands of many streams, or a transaction on keys of one slot."""
        kind = _Transaction if transaction else _Spread
        return kind(self, transaction, shard_hint)

    def pubsub(self, **options: Any) -> Any:
        """Channels are the whole cluster's: any node that answers will do."""
        asked = self.nodes.serving(None)
        node: Any = self.nodes.at(asked)
        with self.nodes.learning(asked):
            node.ping()
        return node.pubsub(**options)

    def close(self) -> None:
        """Close every connection; they are made again where needed."""
        super().close()
        self.nodes.close()

    def _ask(
        self, address: Address, words: Sequence[Any], options: dict[str, Any], *, asking: bool
    ) -> Any:
        pool = self.nodes.at(address).connection_pool
        pipeline: Any = Pipeline(pool, self.response_callbacks, transaction=False, shard_hint=None)
        if asking:
            pipeline.execute_command("ASKING")
        pipeline.execute_command(*words, **options)
        answer = pipeline.execute(raise_on_error=False)[-1]
        if isinstance(answer, Exception):
            raise answer
        return answer


def primaries(client: redis.Redis) -> list[redis.Redis]:
    """Every server that holds a part of what the client sees; itself where it is one."""
    return client.nodes.primaries() if isinstance(client, ClusterClient) else [client]


class _Transaction(Pipeline):
    """MULTI, with or without WATCH, at the node that serves its keys."""

    def __init__(self, client: ClusterClient, *how: Any) -> None:
        super().__init__(client.connection_pool, client.response_callbacks, *how)
        self._nodes = client.nodes
        self._asked: Address = ("", 0)

    def execute_command(self, *words: Any, **options: Any) -> Any:
        key = _key(words)
        if self.connection is None and key is not None:
            self._asked = self._nodes.serving(key)
            self.connection_pool = self._nodes.at(self._asked).connection_pool
        with self._nodes.learning(self._asked):
            return super().execute_command(*words, **options)  # type: ignore[no-untyped-call]

    def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002
        with self._nodes.learning(self._asked):
            return super().execute(raise_on_error)


class _Spread(Pipeline):
    """Commands of many keys: written to all nodes at once, then read, in order for each key."""

    def __init__(self, client: ClusterClient, *how: Any) -> None:
        super().__init__(client.connection_pool, client.response_callbacks, *how)
        self._client = client
        self._parse: Any = self.parse_response
        self._annotate: Any = self.annotate_exception

    def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002
        """All answers in the order of the commands; raises where a node did not answer."""
        commands, self.command_stack = self.command_stack, []
        answers = self._exchange(commands)
        for number, (words, options) in enumerate(commands):
            if isinstance(answers[number], AskError):
                # One by one and in order, so that the entries of a stream keep theirs.
                try:
                    answers[number] = self._client.execute_command(*words, **options)
                except redis.ResponseError as error:
                    answers[number] = error
            if raise_on_error and isinstance(answers[number], Exception):
                self._annotate(answers[number], number + 1, words)
                raise answers[number]
        return answers

    def _exchange(self, commands: Sequence[Any]) -> list[Any]:
        nodes = self._client.nodes
        numbers: dict[Address, list[int]] = {}
        for number, (words, _) in enumerate(commands):
            numbers.setdefault(nodes.serving(_key(words)), []).append(number)
        unread: dict[Address, Any] = {}
        answers: list[Any] = [None] * len(commands)
        try:
            for address, some in numbers.items():
                with nodes.learning(address):
                    unread[address] = nodes.at(address).connection_pool.get_connection()
                    packed = unread[address].pack_commands([commands[n][0] for n in some])
                    unread[address].send_packed_command(packed)
            for address, some in numbers.items():
                with nodes.learning(address):
                    for number in some:
                        answers[number] = self._read(unread[address], *commands[number])
                nodes.at(address).connection_pool.release(unread.pop(address))
        finally:
            for address, connection in unread.items():
                connection.disconnect()  # with answers in it that nobody will read
                nodes.at(address).connection_pool.release(connection)
        return answers

    def _read(self, connection: Any, words: Sequence[Any], options: dict[str, Any]) -> Any:
        try:
            return self._parse(connection, words[0], **options)
        except redis.ResponseError as error:
            return error


def _key(words: Sequence[Any]) -> str | None:
    """The key of a command: all of ours begin alike, and stand before what publishers wrote."""
    return next((w for w in words if isinstance(w, str) and w.startswith(KEYS_PREFIX)), None)
