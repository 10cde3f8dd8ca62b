"""A module as the files of an OCI image layout, and back. Pure: whoever reads the files bounds them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct

from hengio.clock import to_iso
from hengio.errors import Refused
from hengio.model.grant import Grant
from hengio.model.module import Module
from hengio.registry import letter as letters
from hengio.registry.letter import Letter
from hengio.registry.oci.documents import (
    CONFIG_TYPE,
    CREATED,
    INDEX_FILE,
    LAYER_TYPE,
    LAYOUT_FILE,
    MANIFEST_TYPE,
    MOST_DOCUMENT_BYTES,
    PERMISSIONS,
    REF_NAME,
    SIGNATURE,
    TITLE,
    VERSION,
    ComponentConfig,
    Descriptor,
    Index,
    Layout,
    Manifest,
    WasmConfig,
    blob_path,
    decoded,
    described,
)

Read = Callable[[str, int], bytes]
"""The bytes of a file of the layout, by its path, no more than so many: else `Refused`. `NotFound`."""


class Package(Struct, frozen=True, kw_only=True):
    """What a layout holds of a module. Names are empty where it says none."""

    name: str
    version: str
    binary: bytes
    requested: tuple[Grant, ...]
    letter: Letter | None


def pack(module: Module, binary: bytes) -> dict[str, bytes]:
    """The files of a layout by path, the same for the same module. What it was granted stays here: that is for those
    who run it to say."""
    layer = described(LAYER_TYPE, binary)
    config_file = msgspec.json.encode(_config(module, layer))
    annotations = {
        TITLE: module.name,
        VERSION: module.version,
        CREATED: to_iso(module.created_at),
        PERMISSIONS: msgspec.json.encode(module.requested).decode(),
    }
    if (letter := letter_of(module)) is not None:
        annotations[SIGNATURE] = msgspec.json.encode(letter).decode()
    config = described(CONFIG_TYPE, config_file)
    manifest_file = msgspec.json.encode(Manifest(config=config, layers=(layer,), annotations=annotations))
    manifest = described(MANIFEST_TYPE, manifest_file, {REF_NAME: module.version})
    return {
        LAYOUT_FILE: msgspec.json.encode(Layout()),
        INDEX_FILE: msgspec.json.encode(Index(manifests=(manifest,))),
        blob_path(manifest.digest): manifest_file,
        blob_path(config.digest): config_file,
        blob_path(layer.digest): binary,
    }


def unpack(read: Read, *, most_bytes: int) -> Package:
    """The module of a layout. Raises `Refused` for one that holds none or several, names another kind of image, or
    whose blobs are not what their digests and sizes say. `most_bytes` bounds the binary."""
    layout = decoded(read(LAYOUT_FILE, MOST_DOCUMENT_BYTES), Layout, LAYOUT_FILE)
    if not layout.image_layout_version.startswith("1."):
        raise Refused(f"the layout is of version {layout.image_layout_version[:20]}, and 1 is what can be read")
    index = decoded(read(INDEX_FILE, MOST_DOCUMENT_BYTES), Index, INDEX_FILE)
    if len(index.manifests) != 1:
        raise Refused(f"the layout has {len(index.manifests)} images", hint="one module is imported at a time")
    manifest = decoded(_blob(read, index.manifests[0], MANIFEST_TYPE, MOST_DOCUMENT_BYTES), Manifest, "the manifest")
    config = decoded(_blob(read, manifest.config, CONFIG_TYPE, MOST_DOCUMENT_BYTES), WasmConfig, "the configuration")
    if len(manifest.layers) != 1:
        raise Refused(f"the image has {len(manifest.layers)} layers", hint="a module is one layer of WebAssembly")
    [layer] = manifest.layers
    letter, requested = _claims(manifest.annotations)
    if config.architecture != "wasm" or config.layer_digests != (layer.digest,):
        raise Refused("the image's configuration is not of its layer")
    return Package(
        name=manifest.annotations.get(TITLE, ""),
        version=manifest.annotations.get(VERSION, ""),
        binary=_blob(read, layer, LAYER_TYPE, most_bytes),
        requested=requested,
        letter=letter,
    )


def letter_of(module: Module) -> Letter | None:
    """A registered module's signature as its author wrote it; None without one."""
    if module.signature is None:
        return None
    return Letter(
        name=module.name,
        version=module.version,
        digest=f"sha256:{module.digest}",
        permissions=module.requested,
        key_id=module.signature.key_id,
        signature=module.signature.value,
    )


def _claims(annotations: Mapping[str, str]) -> tuple[Letter | None, tuple[Grant, ...]]:
    """What the author says: under a signature if there is one, and then nothing beside it."""
    if (signed := annotations.get(SIGNATURE)) is not None:
        letter = letters.read(signed.encode(errors="surrogatepass"))
        return letter, letter.requested
    asked = annotations.get(PERMISSIONS, "[]").encode(errors="surrogatepass")
    return None, decoded(asked, tuple[Grant, ...], "the permission request")


def _config(module: Module, layer: Descriptor) -> WasmConfig:
    facts, component = module.facts, module.facts.kind == "component"
    sides = ComponentConfig(
        exports=tuple(function.name for function in facts.exports),
        imports=tuple(function.name for function in facts.imports),
    )
    return WasmConfig(
        created=to_iso(module.created_at),
        architecture="wasm",
        os="wasip2" if component else "wasip1",
        layer_digests=(layer.digest,),
        component=sides if component else None,
    )


def _blob(read: Read, wanted: Descriptor, media_type: str, most: int) -> bytes:
    """A blob that is what its descriptor says."""
    if wanted.media_type != media_type:
        raise Refused(f"the image has a part of type '{wanted.media_type[:100]}'", hint=f"expected is {media_type}")
    if not 0 <= wanted.size <= most:
        raise Refused(f"the image has a part of {wanted.size} bytes, and {most} are the most")
    data = read(blob_path(wanted.digest), wanted.size)
    if len(data) != wanted.size or hashlib.sha256(data).hexdigest() != wanted.digest.removeprefix("sha256:"):
        raise Refused(f"the part {wanted.digest} is not what its digest and size say")
    return data
