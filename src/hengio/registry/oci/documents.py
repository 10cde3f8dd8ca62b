"""The documents of an OCI image layout, as far as a module has them (OCI Image Specification 1.1)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from hengio.errors import Refused

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.wasm.config.v0+json"
LAYER_TYPE = "application/wasm"
LAYOUT_FILE, INDEX_FILE = "oci-layout", "index.json"
TITLE, VERSION = "org.opencontainers.image.title", "org.opencontainers.image.version"
CREATED, REF_NAME = "org.opencontainers.image.created", "org.opencontainers.image.ref.name"
SIGNATURE, PERMISSIONS = "vnd.hengio.module.signature", "vnd.hengio.module.permissions"
MOST_DOCUMENT_BYTES = 1 << 20
T = TypeVar("T")


class Descriptor(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a blob is: its type, `sha256:` and its digest, its size in bytes."""

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] | UnsetType = UNSET


class Layout(Struct, frozen=True, kw_only=True, rename="camel"):
    """`oci-layout`."""

    image_layout_version: str = "1.0.0"


class Index(Struct, frozen=True, kw_only=True, rename="camel"):
    """`index.json`: the images of a layout."""

    schema_version: int = 2
    media_type: str = INDEX_TYPE
    manifests: tuple[Descriptor, ...]


class Manifest(Struct, frozen=True, kw_only=True, rename="camel"):
    """An image: its configuration and layers."""

    schema_version: int = 2
    media_type: str = MANIFEST_TYPE
    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)


class ComponentConfig(Struct, frozen=True, kw_only=True):
    """What a component imports and exports."""

    exports: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()


class WasmConfig(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The configuration of an image that is a module. `os` is `wasip2` for a component, else `wasip1`."""

    created: str = ""
    architecture: str
    os: str
    layer_digests: tuple[str, ...]
    component: ComponentConfig | None = None


def blob_path(digest: str) -> str:
    """Where a blob lies. `Refused` for a digest that is not SHA-256 in lower-case hex."""
    kind, _, value = digest.partition(":")
    if kind != "sha256" or len(value) != 64 or not set(value) <= set("0123456789abcdef"):
        raise Refused(f"'{digest[:100]}' is no digest that can be checked", hint="`sha256:` and 64 hex digits")
    return f"blobs/sha256/{value}"


def described(media_type: str, data: bytes, annotations: Mapping[str, str] | UnsetType = UNSET) -> Descriptor:
    """The descriptor of a blob."""
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return Descriptor(media_type=media_type, digest=digest, size=len(data), annotations=annotations)


def decoded(data: bytes, kind: type[T], what: str) -> T:
    """A document. `Refused` for what is none; fields that are not known are left alone, as the specification says."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(f"{what} cannot be read: {error}") from error
