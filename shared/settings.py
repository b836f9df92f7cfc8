"""Every setting: its environment variable, default and meaning. Read once, at a process' start."""

from pathlib import Path
from typing import Annotated, Final, Literal, Self

import psycopg
from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import SettingsError
from shared.limits import LEASE_MS_MAX
from shared.redis_url import parse_redis_url

_ESCAPED: Final = "in a password / is written %2F, @ %40, : %3A and % %25"


def _of_redis(url: SecretStr) -> SecretStr:
    import redis  # noqa: PLC0415 -- commands that need no Redis begin without it

    parsed = parse_redis_url(url.get_secret_value())
    try:
        redis.ConnectionPool.from_url(parsed.single).make_connection()  # connects to nothing yet
    except TypeError as error:
        option = str(error).rpartition("argument ")[2]
        raise ValueError(f"redis-py knows no option {option} of a URL") from None
    except ValueError:  # its words may quote a part of the password
        raise ValueError(f"redis-py cannot read it; {_ESCAPED}") from None
    return url


def _of_postgres(url: SecretStr) -> SecretStr:
    try:
        psycopg.conninfo.conninfo_to_dict(url.get_secret_value())
    except psycopg.ProgrammingError as error:
        # Anything else that libpq says may quote the password.
        said = str(error) if "query parameter" in str(error) else "libpq cannot read it"
        form = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
        raise ValueError(f"{said.strip()}; give {form}; {_ESCAPED}") from None
    return url


class Settings(BaseSettings):
    """The settings of all processes; each is `CALLFOLD_` and its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="CALLFOLD_", env_ignore_empty=True, frozen=True, extra="ignore"
    )

    redis_url: Annotated[
        Annotated[SecretStr, AfterValidator(_of_redis)] | None,
        Field(description="Redis or Valkey that holds the streams: one, a cluster, or Sentinel's."),
    ] = None
    database_url: Annotated[
        Annotated[SecretStr, AfterValidator(_of_postgres)] | None,
        Field(description="PostgreSQL that holds the log and the projections."),
    ] = None
    read_database_url: Annotated[
        Annotated[SecretStr, AfterValidator(_of_postgres)] | None,
        Field(description="The same with a user that may only become the two reading roles."),
    ] = None
    data_dir: Annotated[
        Path | None, Field(description="Where the embedded servers of `callfold up` keep data.")
    ] = None
    probe_host: Annotated[str, Field(description="Address of a projector's probes.")] = "127.0.0.1"
    probe_port: Annotated[
        int, Field(ge=0, le=65535, description="Port of a projector's probes; 0 picks a free one.")
    ] = 8081
    read_api_host: Annotated[str, Field(description="Address of the read API.")] = "127.0.0.1"
    read_api_port: Annotated[int, Field(ge=1, le=65535, description="Port of the read API.")] = 8080
    read_api_connections: Annotated[
        int, Field(ge=1, le=200, description="Database connections of the read API.")
    ] = 8
    report_cache_bytes: Annotated[
        int, Field(ge=0, description="Reports kept in the read API's memory at most; 0 keeps none.")
    ] = 64 * 1024 * 1024
    exports_at_a_time: Annotated[
        int, Field(ge=1, le=32, description="Files that a read API streams at a time.")
    ] = 2
    export_keep_hours: Annotated[
        int, Field(ge=1, le=24 * 365, description="How long the files of export jobs are kept.")
    ] = 24
    ingest_host: Annotated[str, Field(description="Address of ingest.")] = "127.0.0.1"
    ingest_port: Annotated[int, Field(ge=1, le=65535, description="Port of ingest.")] = 8082
    lease_ms: Annotated[
        int, Field(ge=1000, le=LEASE_MS_MAX, description="How long a lane is held without renewal.")
    ] = 5_000
    batch_events_max: Annotated[
        int, Field(ge=1, le=200_000, description="Events of one transaction at most.")
    ] = 30_000
    batch_bytes_max: Annotated[
        int, Field(ge=1024, description="Bytes of events of one transaction at most.")
    ] = 8 * 1024 * 1024
    batch_age_ms: Annotated[
        int, Field(ge=1, le=60_000, description="Age at which a batch under load is committed.")
    ] = 250
    cache_bytes: Annotated[
        int, Field(ge=0, description="States kept in a projector's memory at most.")
    ] = 80 * 1024 * 1024
    stream_keep_ms: Annotated[
        int, Field(ge=0, description="Archived entries stay in Redis at least this long.")
    ] = 3_600_000
    stream_keep_memory_share: Annotated[
        float,
        Field(ge=0, le=1, description="Share of Redis' maxmemory above which they go earlier."),
    ] = 0.5
    parked_events_whole: Annotated[
        int, Field(ge=0, description="Parked events of one source that are kept with their bytes.")
    ] = 10_000
    parked_bytes_whole: Annotated[
        int, Field(ge=0, description="Bytes of parked events of one source that are kept.")
    ] = 64 * 1024 * 1024
    auth: Annotated[
        Literal["on", "off"],
        Field(description="`off` serves without a key, on a loopback address alone."),
    ] = "on"
    jwt_issuer: Annotated[
        str | None, Field(description="Whose JWTs are let in, as their `iss` says it.")
    ] = None
    jwt_audience: Annotated[
        str | None, Field(description="What their `aud` must name; needed with an issuer.")
    ] = None
    jwt_jwks_url: Annotated[
        str | None,
        Field(description="Where its keys are; else its discovery document says it."),
    ] = None
    jwt_organization_claim: Annotated[
        str, Field(min_length=1, description="Which of their claims names the organization.")
    ] = "organization_id"
    rate_limit_per_minute: Annotated[
        int,
        Field(ge=0, description="Requests to the read API with one key a minute; 0: no limit."),
    ] = 60_000
    cors_origins: Annotated[
        str, Field(description="Origins whose pages may ask the read API; `*` for all.")
    ] = ""
    log_json: Annotated[bool, Field(description="Log JSON lines instead of text.")] = False

    @classmethod
    def from_environment(cls) -> Self:
        """Read the environment; raise SettingsError naming each variable that is wrong."""
        try:
            return cls()
        except ValidationError as error:
            wrong = [
                f"CALLFOLD_{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors()
            ]
            raise SettingsError("; ".join(wrong)) from None

    def require_redis_url(self) -> str:
        """The URL of Redis; raise SettingsError where it is not set."""
        if self.redis_url is None:
            raise SettingsError(
                "CALLFOLD_REDIS_URL is not set; give redis://…, or run `callfold up`, "
                "which starts its own servers"
            )
        return self.redis_url.get_secret_value()

    def require_database_url(self) -> str:
        """The URL of PostgreSQL; raise SettingsError where it is not set."""
        if self.database_url is None:
            raise SettingsError(
                "CALLFOLD_DATABASE_URL is not set; give postgresql://…, or run `callfold up`, "
                "which starts its own servers"
            )
        return self.database_url.get_secret_value()

    def reading_database_url(self) -> str:
        """The URL as whose user organizations' data is read; raise SettingsError without any."""
        if self.read_database_url is None:
            return self.require_database_url()
        return self.read_database_url.get_secret_value()
