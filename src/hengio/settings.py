"""Settings: a TOML file, then the environment (`HENGIO_…`), then what the command line says. The only reader of either.

`HENGIO_WORKER__AT_ONCE=16` sets `[worker] at_once`. Every setting is listed in `docs/reference/settings.md`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from hengio.errors import Problem, Refused

CONFIG_FILE = "HENGIO_CONFIG"


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


class SandboxSettings(Area):
    """What modules may use, and what the sandbox keeps."""

    threads: int | None = Field(None, ge=1, le=256, description="threads that run guests; by default from the machine")
    fuel: int = Field(1_000_000_000, gt=0, description="fuel of a call whose step names no fuel_limit")
    fuel_ceiling: int = Field(100_000_000_000, gt=0, description="the most fuel a step may ask for")
    timeout_seconds: float = Field(30.0, gt=0, description="wall clock of a call whose step names no timeout_seconds")
    timeout_ceiling_seconds: float = Field(3600.0, gt=0, description="the longest timeout a step may ask for")
    memory_mb: int = Field(64, ge=1, description="memory of a call whose step names no memory_limit_mb, in MiB")
    memory_ceiling_mb: int = Field(1024, ge=1, le=4096, description="the most memory a step may ask for, in MiB")
    cache_modules: int = Field(256, ge=1, description="compiled modules kept in memory")
    cache_mb: int = Field(512, ge=1, description="MiB of compiled code kept in memory")


class ServerSettings(Area):
    """Where `hengio serve` listens."""

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8180, ge=0, le=65535, description="port to listen on; 0 picks a free one")


class LogSettings(Area):
    """What is logged, to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="the least level that is written")
    format: Literal["json", "text"] = Field("json", description="one JSON object a line, or text for a terminal")


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(env_prefix="HENGIO_", env_nested_delimiter="__", frozen=True, extra="forbid")

    data_dir: Path = Field(Path("hengio-data"), description="folder of the embedded database and object store")
    database_url: SecretStr | None = Field(
        None, description="sqlite:///file.db or postgresql://…; default: in data_dir"
    )
    objects_url: str | None = Field(None, description="file:///folder, s3://… or memory://; default: in data_dir")
    s3: S3Settings = S3Settings()
    worker: WorkerSettings = WorkerSettings()
    sandbox: SandboxSettings = SandboxSettings()
    server: ServerSettings = ServerSettings()
    log: LogSettings = LogSettings()
    variables: dict[str, Any] = Field(default_factory=dict, description="variables that jobs may use as ${NAME}")
    connections: dict[str, SecretStr] = Field(default_factory=dict, description="named databases: name = URL")

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

    Raises `Refused` with a problem for each setting that cannot be read; values are not repeated, they may be secret.
    """
    file = os.environ.get(CONFIG_FILE)
    if file and not Path(file).is_file():
        raise Refused(f"there is no settings file {file}", hint=f"{CONFIG_FILE} names it")
    try:
        return Settings(**{key: value for key, value in given.items() if value is not None})
    except ValidationError as error:
        problems = [Problem(".".join(map(str, one["loc"])), one["msg"]) for one in error.errors(include_input=False)]
        raise Refused("the settings cannot be read", problems=problems) from error
    except ValueError as error:
        raise Refused(f"the settings cannot be read: {error}") from error
