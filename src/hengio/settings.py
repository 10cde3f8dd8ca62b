"""Settings: a TOML file, then the environment (`HENGIO_…`), then what the command line says. The only reader of either.

`HENGIO_WORKER__AT_ONCE=16` sets `[worker] at_once`. Every setting is listed in `docs/reference/settings.md`.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_origin

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from hengio import secret
from hengio.errors import Problem, Refused

CONFIG_FILE = "HENGIO_CONFIG"
PREFIX = "HENGIO_"
_OF_OTHERS = re.compile(r"HENGIO_(TEST_.*|SERVICE_(HOST|PORT).*|PORT(_\d+_.*)?)")
"""Not ours: what the tests are told, and what Kubernetes tells every container of a Service that is named `hengio`."""


class Area(BaseModel):
    """One table of the file; unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class S3Settings(Area):
    """How to reach an S3 server, when `objects_url` is `s3://…`."""

    endpoint: str | None = Field(None, description="URL of the server, such as http://127.0.0.1:9000 for MinIO")
    access_key: str | None = Field(None, description="access key id")
    secret_key: SecretStr | None = Field(None, description="secret access key")
    region: str = Field("us-east-1", description="region name that requests are signed for")


class WorkerSettings(Area):
    """How much a worker does at once and how it stops."""

    at_once: int = Field(64, ge=1, le=10_000, description="executions that run at the same time")
    lease_seconds: float = Field(30.0, gt=0, description="how long a worker may give no sign of life")
    stop_seconds: float = Field(20.0, ge=0, description="how long a stop waits for the steps at hand")


class SchedulerSettings(Area):
    """How schedules are followed."""

    misfire_seconds: float = Field(
        60.0, gt=0, description="how late a fire may be before it counts as missed, and the misfire policy decides"
    )


class SandboxSettings(Area):
    """What modules may use, and what the sandbox keeps."""

    threads: int | None = Field(None, ge=1, le=256, description="threads that run guests; by default from the machine")
    isolation: Literal["thread", "process"] = Field(
        "thread", description="process: guests run in processes of their own, which have neither files nor network"
    )
    fuel: int = Field(1_000_000_000, gt=0, description="fuel of a call whose step names no fuel_limit")
    fuel_ceiling: int = Field(100_000_000_000, gt=0, description="the most fuel a step may ask for")
    timeout_seconds: float = Field(30.0, gt=0, description="wall clock of a call whose step names no timeout_seconds")
    timeout_ceiling_seconds: float = Field(3600.0, gt=0, description="the longest timeout a step may ask for")
    memory_mb: int = Field(64, ge=1, description="memory of a call whose step names no memory_limit_mb, in MiB")
    component_memory_mb: int = Field(256, ge=1, description="the same for a component, which brings its interpreter")
    memory_ceiling_mb: int = Field(1024, ge=1, le=4096, description="the most memory a step may ask for, in MiB")
    tiers: Literal["both", "optimized"] = Field(
        "both", description="both: first calls on baseline code, optimised code behind it; optimized: only that"
    )
    compile_seconds: float = Field(60.0, gt=0, description="the longest that compiling a module may take")
    compile_mb: int = Field(3072, ge=256, description="MiB of address space of a process that compiles")
    tape: Literal["never", "failures", "always"] = Field(
        "failures", description="which calls are recorded for a replay, where the step does not say"
    )
    tape_mb: int = Field(4, ge=1, le=32, description="MiB of events on a tape, of its input and of its output, at most")
    tape_days: float = Field(30.0, gt=0, description="days after which tapes are deleted")
    cache_modules: int = Field(256, ge=1, description="compiled modules kept in memory")
    cache_mb: int = Field(512, ge=1, description="MiB of compiled code kept in memory")
    artefacts_mb: int = Field(1024, ge=0, description="MiB of compiled code kept in data_dir; 0 keeps none anywhere")


class ModuleSettings(Area):
    """Which modules are taken, and how canaries are watched."""

    max_mb: int = Field(128, ge=1, le=1024, description="the largest binary that is registered, in MiB")
    require_signature: Literal["never", "always"] = Field(
        "never", description="always: only modules that are signed with a key of a registered author run"
    )
    require_signature_for: list[str] = Field(
        default_factory=list, description="names of modules that must be signed, `*` for anything in one"
    )
    canary_runs: int = Field(50, ge=1, le=10_000, description="the newest runs of a canary that are looked at")
    canary_failures_percent: float = Field(
        20.0, ge=0, le=100, description="a canary of whose runs more than that share fails is rolled back; 100: never"
    )


class Secret(Area):
    """A secret that modules use by name, and the hosts it may be sent to."""

    value: SecretStr = Field(description="what is sent: a token, or `user:password` for basic authentication")
    hosts: list[str] = Field(description="host names it is bound to; `*.` before a name means those below it")


class NetworkSettings(Area):
    """Where steps may connect to beyond the public Internet."""

    allow: list[str] = Field(
        default_factory=list,
        description="hosts, `*.` before a name, addresses and networks that are not public, with `:port` if only that",
    )


class CircuitSettings(Area):
    """When a server, a database or a file server that is away is left alone for a while."""

    failures: int = Field(5, ge=0, description="failures in a row after which a target is left alone; 0 never does")
    open_seconds: float = Field(30.0, gt=0, description="how long it is left alone before one use tries it again")


class ServerSettings(Area):
    """Where `hengio serve` listens, and how it is reached."""

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8180, ge=0, le=65535, description="port to listen on; 0 picks a free one")
    public_url: str | None = Field(
        None, pattern=r"^https?://[^\s?#]+$", description="where callers reach it; default: http://host:port"
    )
    connections: int = Field(
        1000, ge=1, le=30_000, description="connections of callers that are open at the same time, at most"
    )
    head_seconds: float = Field(10.0, gt=0, description="how long a connection may take to send the head of a request")
    cors_origins: list[str] = Field(
        default_factory=list, description="sites whose pages may use the API with a bearer token, such as https://a.b"
    )
    webhook_body_kb: int = Field(1024, ge=1, le=1024, description="KiB of the body of a webhook's call, at most")

    @property
    def url(self) -> str:
        """What the URLs of webhooks begin with."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")


class PeopleSettings(Area):
    """How people log in, and how long that counts."""

    session_hours: float = Field(12.0, gt=0, le=24 * 90, description="how long a login lasts")
    access_minutes: float = Field(15.0, gt=0, le=60, description="how long a bearer token counts until it is refreshed")
    password_least: int = Field(12, ge=8, le=64, description="letters that a password has at least")
    login_attempts: int = Field(10, ge=1, description="failed logins of one account in login_minutes, at most")
    address_attempts: int = Field(50, ge=1, description="failed logins from one address in login_minutes, at most")
    login_minutes: float = Field(15.0, gt=0, description="how long failed logins are remembered")
    argon2_memory_mb: int = Field(64, ge=1, le=4096, description="MiB that hashing a password takes (Argon2id)")
    argon2_passes: int = Field(3, ge=1, le=100, description="passes over that memory")
    argon2_lanes: int = Field(4, ge=1, le=64, description="lanes of that memory")


class LogSettings(Area):
    """What is logged, to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="the least level that is written")
    format: Literal["json", "text"] = Field("json", description="one JSON object a line, or text for a terminal")


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid")

    data_dir: Path = Field(
        Path("hengio-data"), description="folder of the embedded database and object store, and of temporary files"
    )
    database_url: SecretStr | None = Field(
        None, description="sqlite:///file.db or postgresql://…; default: in data_dir"
    )
    objects_url: str | None = Field(None, description="file:///folder, s3://… or memory://; default: in data_dir")
    cache_dir: Path | None = Field(
        None, description="what commands for one module keep; default: hengio in the user's cache folder"
    )
    secret_key: SecretStr | None = Field(
        None, description="32 random bytes or more, base64 or hexadecimal; default: made once in data_dir"
    )
    previous_secret_keys: list[SecretStr] = Field(
        default_factory=list, description="earlier values of secret_key, by which stored values can still be read"
    )
    s3: S3Settings = S3Settings()
    worker: WorkerSettings = WorkerSettings()
    scheduler: SchedulerSettings = SchedulerSettings()
    sandbox: SandboxSettings = SandboxSettings()
    modules: ModuleSettings = ModuleSettings()
    network: NetworkSettings = NetworkSettings()
    circuits: CircuitSettings = CircuitSettings()
    server: ServerSettings = ServerSettings()
    people: PeopleSettings = PeopleSettings()
    log: LogSettings = LogSettings()
    variables: dict[str, Any] = Field(default_factory=dict, description="variables that jobs may use as ${NAME}")
    connections: dict[str, SecretStr] = Field(
        default_factory=dict, description="named databases, HTTP and SFTP servers: name = URL"
    )
    secrets: dict[str, Secret] = Field(
        default_factory=dict, description="secrets that modules use by name: name = {value, hosts}"
    )

    @field_validator("secret_key")
    @classmethod
    def _is_secret(cls, given: SecretStr | None) -> SecretStr | None:
        if given is not None:
            secret.decode(given.get_secret_value())
        return given

    @field_validator("previous_secret_keys")
    @classmethod
    def _are_secrets(cls, given: list[SecretStr]) -> list[SecretStr]:
        for one in given:
            secret.decode(one.get_secret_value())
        return given

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = os.environ.get(CONFIG_FILE)
        toml = [TomlConfigSettingsSource(settings_cls, Path(file))] if file else []
        return (init_settings, env_settings, *toml)

    @property
    def cache(self) -> Path:
        """Where commands keep what they can make again (XDG Base Directory)."""
        return self.cache_dir or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hengio"

    @property
    def database(self) -> str:
        """The database's URL, with its password."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir.resolve() / 'hengio.db'}"

    @property
    def database_file(self) -> Path | None:
        """The SQLite file; None for a database on a server."""
        _, found, path = self.database.partition("sqlite:///")
        return Path(path).resolve() if found else None

    @property
    def objects(self) -> str:
        """The object store's URL."""
        return self.objects_url or (self.data_dir.resolve() / "objects").as_uri()


def load(**given: Any) -> Settings:
    """Settings as given here, else from the environment, else from the file that `HENGIO_CONFIG` names.

    Raises `Refused` with a problem for each setting that cannot be read, and for each variable `HENGIO_…` that is none
    of the settings; values are not repeated, they may be secret.
    """
    file = os.environ.get(CONFIG_FILE)
    if file and not Path(file).is_file():
        raise Refused(f"there is no settings file {file}", hint=f"{CONFIG_FILE} names it")
    if problems := list(_environment_problems()):
        raise Refused("the settings cannot be read", problems=problems)
    try:
        return Settings(**{key: value for key, value in given.items() if value is not None})
    except ValidationError as error:
        raise Refused("the settings cannot be read", problems=_problems(error)) from error
    except tomllib.TOMLDecodeError as error:
        raise Refused(f"the settings file {file} is not TOML: {error}") from error
    except ValueError as error:  # its text may quote a value
        raise Refused("the settings cannot be read", hint=f"see the variables {PREFIX}… and {CONFIG_FILE}") from error


def _environment_problems() -> Iterator[Problem]:
    """Variables that name no setting, and those of whole tables that are not JSON."""
    simple, tables, open_ = _variables()
    for name in sorted(os.environ):
        known = name.upper()
        if not known.startswith(PREFIX) or known == CONFIG_FILE or _OF_OTHERS.fullmatch(known):
            continue
        if known in tables:
            if not _is_object(os.environ[name]):
                hint = f"{name} must be a JSON object"
                yield Problem(tables[known], "cannot be read", hint)
        elif known not in simple and not known.startswith(open_):
            near = get_close_matches(known, [*simple, *tables, CONFIG_FILE], n=1, cutoff=0.0)
            yield Problem(name, "is the name of no setting", f"did you mean {near[0]}?")


def _variables() -> tuple[frozenset[str], dict[str, str], tuple[str, ...]]:
    """The names of variables for single settings, those for tables as a whole, and what begins those for any entry."""
    simple: set[str] = set()
    tables: dict[str, str] = {}
    open_: list[str] = []
    for name, field in Settings.model_fields.items():
        variable = f"{PREFIX}{name.upper()}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, Area):
            tables[variable] = name
            simple |= {f"{variable}__{inner.upper()}" for inner in field.annotation.model_fields}
        elif get_origin(field.annotation) is dict:
            tables[variable] = name
            open_.append(f"{variable}__")
        else:
            simple.add(variable)
    return frozenset(simple), tables, tuple(open_)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _problems(error: ValidationError) -> list[Problem]:
    """What is wrong, by the setting's name in the file; the hint is the variable, where that is where it stands."""
    problems = []
    for one in error.errors(include_input=False):
        place = [str(part) for part in one["loc"]]
        variable = f"{PREFIX}{'__'.join(place)}".upper()
        given = any(name.upper() == variable for name in os.environ)
        problems.append(Problem(".".join(place), one["msg"], f"set by {variable}" if given else ""))
    return problems
