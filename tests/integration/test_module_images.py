"""Modules as OCI images: there and back, and what somebody made who means no good."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hengio.errors import Conflict, Distrusted, HengioError, NotFound, Refused
from hengio.model.grant import Grant
from hengio.model.module import Module
from hengio.registry.oci.files import read_archive, read_layout, write_archive, write_folder
from hengio.registry.oci.package import Package, pack
from hengio.settings import Settings
from hengio.wiring.embedded import System, embedded
from tests.support.authors import Author
from tests.support.builders import a_module
from tests.support.guests import ECHO, SPIN, digest, entry, reactor

BINARY, OTHER = reactor(entry(ECHO)), reactor(entry(SPIN))
ANA = Author()
ASKED = (Grant("file:read", "in/**"), Grant("http:read", "https://api.example.com/**"))
MOST = 1 << 20
Files = dict[str, bytes]


def a_real_module(**fields: Any) -> Module:
    """The module of that binary, which asks for something."""
    return a_module("m", digest=digest(BINARY), size=len(BINARY), requested=ASKED, **fields)


FILES = pack(a_real_module(), BINARY)


def archived(files: Files) -> io.BytesIO:
    return io.BytesIO(write_archive(files))


@pytest.fixture(name="system")
async def make_system(tmp_path: Path) -> AsyncIterator[System]:
    async with embedded(Settings(data_dir=tmp_path / "data")) as system:
        yield system


@pytest.mark.requirement("R6.5", "R14.1")
@pytest.mark.parametrize("form", ["folder", "archive"])
async def test_a_signed_module_goes_from_one_installation_to_another(system: System, tmp_path: Path, form: str) -> None:
    await system.desk.authors.add("ana", ANA.public, by="me")
    letter = ANA.letter(BINARY, "m", "1.2.0", *ASKED)
    grants = (Grant("file:read", "in/a"),)
    module = await system.modules.register("m", "1.2.0", BINARY, letter=letter, grants=grants)
    files, to = pack(*await system.desk.modules.download("m")), tmp_path / "image"
    write_folder(files, to) if form == "folder" else to.write_bytes(write_archive(files))
    package = read_layout(to, most_bytes=MOST)
    async with embedded(Settings(data_dir=tmp_path / "other")) as other:
        with pytest.raises(Distrusted, match="is no author's key here"):
            await other.intake.take(package, by="me")
        await other.desk.authors.add("somebody", ANA.public, by="me")
        taken = await other.intake.take(package, by="me")
        assert (taken.reference, taken.digest, taken.requested) == ("m@1.2.0", module.digest, module.requested)
        assert (taken.signature, taken.grants) == (module.signature, ())
        with pytest.raises(Refused, match=r"the signature is for m@1\.2\.0"):
            await other.intake.take(package, by="me", reference="n@1.2.0")


def test_the_files_are_those_of_an_oci_image() -> None:
    index = json.loads(FILES["index.json"])
    [described] = index["manifests"]
    manifest = json.loads(FILES[f"blobs/sha256/{described['digest'][7:]}"])
    config = json.loads(FILES[f"blobs/sha256/{manifest['config']['digest'][7:]}"])
    assert json.loads(FILES["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    assert described["mediaType"] == manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert manifest["config"]["mediaType"] == "application/vnd.wasm.config.v0+json"
    assert [layer["mediaType"] for layer in manifest["layers"]] == ["application/wasm"]
    assert (config["architecture"], config["os"]) == ("wasm", "wasip1")
    assert config["layerDigests"] == [layer["digest"] for layer in manifest["layers"]]
    assert manifest["annotations"]["org.opencontainers.image.version"] == "1.0.0"
    for path, data in FILES.items():
        if path.startswith("blobs/"):
            assert path == f"blobs/sha256/{hashlib.sha256(data).hexdigest()}"
    assert write_archive(FILES) == write_archive(pack(a_real_module(id="another"), BINARY))


async def test_an_image_that_says_no_name_takes_the_one_it_is_given(system: System) -> None:
    package = Package(name="", version="", binary=BINARY, requested=ASKED, letter=None)
    with pytest.raises(Refused, match="does not say which module"):
        await system.intake.take(package, by="me")
    module = await system.intake.take(package, by="me", reference="n@0.1.0")
    assert (module.reference, module.requested, module.signature) == ("n@0.1.0", ASKED, None)


def changed(part: str, change: Callable[[Any], Any]) -> Files:
    """The files with a changed document, and all that points to it made right again: a liar who is careful."""
    index = json.loads(FILES["index.json"])
    manifest_path = f"blobs/sha256/{index['manifests'][0]['digest'][7:]}"
    manifest = json.loads(FILES[manifest_path])
    config = json.loads(FILES[f"blobs/sha256/{manifest['config']['digest'][7:]}"])
    documents = {"index": index, "manifest": manifest, "config": config}
    files = {path: data for path, data in FILES.items() if path not in {manifest_path, "index.json"}}
    change(documents[part])
    if part == "config":
        manifest["config"] |= placed(files, config)
    if part != "index":
        index["manifests"][0] |= placed(files, manifest)
    else:
        files[manifest_path] = FILES[manifest_path]
    return {**files, "index.json": json.dumps(index).encode()}


def placed(files: Files, document: Any) -> dict[str, Any]:
    data = json.dumps(document).encode()
    found = hashlib.sha256(data).hexdigest()
    files[f"blobs/sha256/{found}"] = data
    return {"digest": f"sha256:{found}", "size": len(data)}


LIES: dict[str, Files] = {
    "no layout file": {path: data for path, data in FILES.items() if path != "oci-layout"},
    "no index": {path: data for path, data in FILES.items() if path != "index.json"},
    "no layer": {path: data for path, data in FILES.items() if data != BINARY},
    "a layout of tomorrow": {**FILES, "oci-layout": b'{"imageLayoutVersion":"2.0.0"}'},
    "another binary": {path: OTHER if data == BINARY else data for path, data in FILES.items()},
    "a longer binary": {path: data + b"\x00" if data == BINARY else data for path, data in FILES.items()},
    "an index that is no JSON": {**FILES, "index.json": b"\xff\xfe"},
    "a deep index": {**FILES, "index.json": b"[" * 500_000},
    "a large index": {**FILES, "index.json": b" " * (2 << 20)},
    "two images": changed("index", lambda index: index["manifests"].append(index["manifests"][0])),
    "no image": changed("index", lambda index: index["manifests"].clear()),
    "an index of an index": changed(
        "index", lambda index: index["manifests"][0].update(mediaType="application/vnd.oci.image.index.v1+json")
    ),
    "a manifest of another size": changed("index", lambda index: index["manifests"][0].update(size=7)),
    "a size below nothing": changed("index", lambda index: index["manifests"][0].update(size=-1)),
    "a path for a digest": changed(
        "index", lambda index: index["manifests"][0].update(digest="sha256:../../../etc/passwd")
    ),
    "another kind of digest": changed("index", lambda index: index["manifests"][0].update(digest="md5:" + "0" * 32)),
    "two layers": changed("manifest", lambda manifest: manifest["layers"].append(manifest["layers"][0])),
    "no layers": changed("manifest", lambda manifest: manifest["layers"].clear()),
    "a layer of another type": changed(
        "manifest", lambda manifest: manifest["layers"][0].update(mediaType="application/vnd.oci.image.layer.v1.tar")
    ),
    "a layer of a terabyte": changed("manifest", lambda manifest: manifest["layers"][0].update(size=1 << 40)),
    "a configuration of another type": changed(
        "manifest", lambda manifest: manifest["config"].update(mediaType="application/vnd.oci.image.config.v1+json")
    ),
    "permissions that are none": changed(
        "manifest", lambda manifest: manifest["annotations"].update({"vnd.hengio.module.permissions": '["all"]'})
    ),
    "a signature that is none": changed(
        "manifest", lambda manifest: manifest["annotations"].update({"vnd.hengio.module.signature": "{}"})
    ),
    "annotations that are numbers": changed("manifest", lambda manifest: manifest.update(annotations={"a": 1})),
    "a configuration of another layer": changed(
        "config", lambda config: config.update(layerDigests=["sha256:" + "0" * 64])
    ),
    "a configuration of another machine": changed("config", lambda config: config.update(architecture="amd64")),
}


@pytest.mark.requirement("R14.2")
@pytest.mark.parametrize("files", LIES.values(), ids=LIES.keys())
@pytest.mark.parametrize("form", ["folder", "archive"])
def test_an_image_that_lies_is_refused(files: Files, form: str, tmp_path: Path) -> None:
    to = tmp_path / "image"
    write_folder(files, to) if form == "folder" else to.write_bytes(write_archive(files))
    with pytest.raises((Refused, NotFound)):
        read_layout(to, most_bytes=MOST)


def test_a_careful_change_that_is_no_lie_is_read() -> None:
    """So the lies above are refused for what they say, and not for how they were made."""
    files = changed("manifest", lambda manifest: manifest["annotations"].update({"com.example.other": "kept"}))
    assert read_archive(archived(files), most_bytes=MOST).binary == BINARY


def member(name: str, kind: bytes = tarfile.REGTYPE, data: bytes = b"", **fields: Any) -> bytes:
    """The archive, and one more member."""
    out = archived(FILES)
    with tarfile.open(fileobj=out, mode="a") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.size = kind, len(data)
        for field, value in fields.items():
            setattr(info, field, value)
        archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


ARCHIVES = {
    "a path above": member("../evil"),
    "a path above, further in": member("blobs/../../evil"),
    "a path from the root": member("/etc/cron.d/evil"),
    "a path of Windows": member("..\\evil"),
    "a link": member("blobs/sha256/link", tarfile.SYMTYPE, linkname="/etc/passwd"),
    "a hard link": member("again", tarfile.LNKTYPE, linkname="index.json"),
    "a device": member("null", tarfile.CHRTYPE),
    "a pipe": member("pipe", tarfile.FIFOTYPE),
    "a sparse file": member("sparse", tarfile.GNUTYPE_SPARSE),
    "a file twice": member("index.json", data=b"{}"),
    "a file twice, in other words": member("./index.json", data=b"{}"),
    "compressed": gzip.compress(write_archive(FILES)),
    "a bomb": gzip.compress(bytes(64 << 20)),
    "nothing": b"",
    "no archive": b"\x00asm" + bytes(2_000),
    "cut off": write_archive(FILES)[:3_000],
    "too many members": write_archive({**FILES, **{f"blobs/{number}": b"" for number in range(1_001)}}),
    "too large": write_archive({**FILES, "blobs/large": bytes(MOST + (9 << 20))}),
}


@pytest.mark.parametrize("data", ARCHIVES.values(), ids=ARCHIVES.keys())
def test_a_hostile_archive_is_refused(data: bytes) -> None:
    with pytest.raises((Refused, NotFound)):
        read_archive(io.BytesIO(data), most_bytes=MOST)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 8_000), st.binary(min_size=1, max_size=24))
def test_an_archive_that_was_altered_anywhere_is_read_as_it_was_or_refused(at: int, put: bytes) -> None:
    data = write_archive(FILES)
    altered = data[:at] + put + data[at + len(put) :]
    try:
        package = read_archive(io.BytesIO(altered), most_bytes=MOST)
    except HengioError as error:
        assert isinstance(error, (Refused, NotFound))
    else:
        assert (package.binary, package.name, package.requested) == (BINARY, "m", ASKED)


@pytest.mark.parametrize("place", ["index.json", "blobs", "blobs/sha256", "layer"])
def test_no_link_in_a_folder_is_followed(place: str, tmp_path: Path) -> None:
    to, aside = tmp_path / "image", tmp_path / "aside"
    write_folder(FILES, to)
    layer = f"blobs/sha256/{digest(BINARY)}"
    target = to / (layer if place == "layer" else place)
    target.rename(aside)
    target.symlink_to(aside)
    with pytest.raises(Refused, match="or is a link"):
        read_layout(to, most_bytes=MOST)


def test_a_pipe_in_a_folder_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    to = tmp_path / "image"
    write_folder(FILES, to)
    (to / "index.json").unlink()
    os.mkfifo(to / "index.json")
    with pytest.raises(Refused, match="no plain file"):
        read_layout(to, most_bytes=MOST)


def test_nothing_that_is_there_is_written_over(tmp_path: Path) -> None:
    with pytest.raises(Conflict):
        write_folder(FILES, tmp_path)
    with pytest.raises(NotFound, match="no folder or archive"):
        read_layout(tmp_path / "nothing", most_bytes=MOST)
