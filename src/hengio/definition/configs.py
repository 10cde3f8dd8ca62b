"""What each step type's `config` may hold. One description serves validation at creation and reading at execution.

Any field may be a template at creation; types are then checked after it is resolved, when the step runs.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, field

from hengio.definition.server import DatabaseType
from hengio.model.grant import Grant
from hengio.model.step import StepType
from hengio.model.tape import TapeMode


class WasmConfig(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A call of a module (R1.5).

    `module_id` is an id, `name`, `name@1.2.3`, `name@^1.2`, `name@stable` (a channel) or `sha256:` and the digest.
    `function_name` is its entry.
    `fuel_limit` bounds instructions. `timeout_seconds` bounds the time of the call. `memory_limit_mb` bounds memory.
    `params` are handed to the module. `input`, when given, is all the module sees of the earlier steps.
    `env` is the environment of a command module. `secrets` are sensitive variables that the module may read.
    `output_mode` is `auto`, or `data` to read neither routing nor errors from the output.
    `permissions`, when given, narrow what an administrator granted the module; they never add to it.
    `tape` says which calls are recorded for a replay.
    """

    module_id: str
    function_name: str = "run"
    fuel_limit: int | None = None
    timeout_seconds: float | None = None
    memory_limit_mb: int | None = None
    params: dict[str, Any] = field(default_factory=dict)
    input: Any | UnsetType = UNSET
    env: dict[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    output_mode: Literal["auto", "data"] = "auto"
    permissions: tuple[Grant, ...] | UnsetType = UNSET
    tape: TapeMode | UnsetType = UNSET


class BasicAuth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="basic"):
    """User and password (RFC 7617)."""

    username: str
    password: str


class BearerAuth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="bearer"):
    """A token that the author has (RFC 6750)."""

    token: str


class OAuth2Auth(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, tag_field="type", tag="oauth2"
):
    """A token that the step fetches with its client's credentials (RFC 6749, 4.4), kept until it expires.

    The credentials travel as basic authentication or, for servers that want that, in the form (2.3.1).
    """

    token_url: str
    client_id: str
    client_secret: str
    scope: str | None = None
    audience: str | None = None
    credentials_in: Literal["header", "body"] = "header"


HttpAuth = BasicAuth | BearerAuth | OAuth2Auth
HttpMethod = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


class HttpConfig(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One HTTP request (H4). A string `body` is sent as it is, anything else as JSON.

    With a `connection`, `url` is a path below its URL, and its headers and authentication are the request's.
    `success_statuses` are numbers or texts such as `2xx`; without them 200 to 299.
    """

    url: str
    method: HttpMethod = "GET"
    connection: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    auth: HttpAuth | None = None
    timeout_seconds: float | None = None
    follow_redirects: bool = True
    success_statuses: tuple[int | str, ...] | None = None
    max_response_bytes: int = 16 << 20


_STATUSES = re.compile(r"[2-5](?:[0-9]{2}|xx|XX)")


def is_statuses(text: str) -> bool:
    """Whether a text of `success_statuses` is a status or a class of them."""
    return _STATUSES.fullmatch(text) is not None


class SftpPassword(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="password"):
    """A password."""

    password: str

    def __repr__(self) -> str:
        return "SftpPassword()"


class SftpKey(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, tag_field="type", tag="key"
):
    """A private key in OpenSSH's or PEM form, and what opens it if it is encrypted."""

    private_key: str
    passphrase: str | None = None

    def __repr__(self) -> str:
        return "SftpKey()"


class SftpOptions(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """`wildcard_pattern` chooses files by name (`*.csv`), `recursive` goes into folders, `create_directories` makes
    those that an upload needs. `verify_host_key` false accepts a server whose key is not given; one that is given is
    always verified. `streaming` is accepted and always so."""

    wildcard_pattern: str | None = None
    recursive: bool = False
    create_directories: bool = False
    verify_host_key: bool = True
    streaming: bool = True


class SftpConfig(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Files from or to an SFTP server (H4.4): a named `connection`, or host, user, authentication and `host_key`.

    `remote_path` is a file, with `wildcard_pattern` or `recursive` a folder. `local_path` is, of what is uploaded, a
    key of the files area (or the folder of keys), and of what comes a name under the step's own folder. `host_key` is
    the server's public key as `known_hosts` or an authorized key has it, or its SHA-256 fingerprint.
    """

    operation: Literal["download", "upload"]
    remote_path: str
    local_path: str | None = None
    connection: str | None = None
    host: str | None = None
    port: int | None = None
    username: str | None = None
    auth: SftpPassword | SftpKey | None = None
    host_key: str | None = None
    options: SftpOptions = field(default_factory=SftpOptions)
    timeout_seconds: float | None = None


class DatabaseConfig(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A statement or a stored procedure on a database (H4.2): a named `connection`, or a `connection_string`.

    `parameters` are positional (list) or named (object). `batch` is a list of parameter sets: the statement runs once
    for each, all in one transaction. What goes together is said in `definition.database`.
    """

    connection: str | None = None
    connection_string: str | None = None
    database_type: DatabaseType | None = None
    query_type: Literal["raw_sql", "stored_procedure"] = "raw_sql"
    query: str | None = None
    procedure_name: str | None = None
    parameters: list[Any] | dict[str, Any] | None = None
    batch: list[Any] | None = None
    read_only: bool = False
    max_rows: int = 10_000
    timeout_seconds: float | None = None


class Notation(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How the texts of a file write what `type_conversion` makes of them: nothing is guessed.

    `decimal` and `thousands` are the signs within numbers, `dates` the order of day, month and year (else ISO 8601).
    """

    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", " ", "'"] = ""
    dates: Literal["iso", "dmy", "mdy"] = "iso"


class CsvFormat(Notation, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, tag="csv"):
    """CSV: the characters between and around fields, the text encoding, and where the columns are named.

    `header_row` is the line, from 1, at which the table begins; `has_header` whether the first row names the columns.
    `escape_formulas`: when writing, a text that a spreadsheet would run as a formula gets an apostrophe in front.
    """

    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"
    has_header: bool = True
    header_row: int = 1
    escape_formulas: bool = True


class XlsxFormat(Notation, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, tag="xlsx"):
    """XLSX: `sheet` by name or index from 0, `all` for every sheet; `header_row` counts from 1."""

    sheet: str | int = 0
    all: bool = False
    header_row: int = 1


FileFormat = Literal["csv", "xlsx"] | CsvFormat | XlsxFormat


class SheetConfig(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One sheet of a workbook that is written: its rows, and which columns in which order (all, if not given)."""

    name: str
    data_source: list[Any]
    columns: tuple[str, ...] | None = None


class Transformations(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is done to rows, in this order: rename columns, convert types, keep what matches `filter`."""

    column_mapping: dict[str, str] = field(default_factory=dict)
    type_conversion: dict[str, Literal["string", "integer", "number", "boolean", "date", "datetime"]] = field(
        default_factory=dict
    )
    filter: str | None = None


class FileTarget(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The file that a conversion writes, under the execution's own prefix, and which columns it has (all)."""

    path: str
    format: FileFormat
    columns: tuple[str, ...] | None = None


class FileConfig(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Read, write or convert a file of the object store (H4).

    Reading and converting: `path` is a key of the files area. Writing: `path` is a file name, stored under the
    execution's own prefix; rows come from `data_source`, or from `sheets` for a workbook of several. Converting: rows
    go from `path` to the file `to` without ever being all in memory. `max_rows` None is a million, or no limit where
    rows are converted.
    """

    operation: Literal["read", "write", "convert"]
    path: str
    format: FileFormat
    data_source: list[Any] | None = None
    columns: tuple[str, ...] | None = None
    sheets: tuple[SheetConfig, ...] | None = None
    to: FileTarget | None = None
    transformations: Transformations = field(default_factory=Transformations)
    max_rows: int | None = None


CONFIGS: dict[StepType, type[Struct]] = {
    "wasm": WasmConfig,
    "http": HttpConfig,
    "database": DatabaseConfig,
    "file_processing": FileConfig,
    "sftp": SftpConfig,
}
