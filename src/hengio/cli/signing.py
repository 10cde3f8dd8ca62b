"""`hengio module keygen|sign|verify`: what an author does, offline."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from hengio import log
from hengio.cli.inputs import read_bytes
from hengio.cli.modules import at_module_desk
from hengio.cli.present import escape, print_json, terminal
from hengio.cli.summary import FAILED_EXIT
from hengio.errors import Refused
from hengio.grants.check import read as read_grant
from hengio.ids import is_name
from hengio.model.author import AuthorKey
from hengio.model.signature import canonical, key_id, message
from hengio.model.version import is_version
from hengio.registry import letter as letters
from hengio.registry import signing
from hengio.registry.letter import Letter

_MOST_KEY_BYTES = 64 << 10
_SUFFIX = ".signature.json"


def make_keys(file: Path, *, as_json: bool) -> int:
    """A pair of keys; files that are there already are left alone."""
    secret, public = signing.generate()
    private_file, public_file = file.with_name(f"{file.name}.key"), file.with_name(f"{file.name}.pub")
    _write_new(private_file, secret, mode=0o600)
    _write_new(public_file, public, mode=0o644)
    made = key_id(signing.public_key(public))
    if as_json:
        print_json({"key_id": made, "private": str(private_file), "public": str(public_file)})
        return 0
    _say(f"{made}")
    _say(f"  {escape(str(private_file))} signs modules: keep it to yourself")
    _say(f"  {escape(str(public_file))} is for hengio author add NAME --key {escape(str(public_file))}")
    return 0


def sign_file(file: Path, reference: str, *, key: Path, asked: list[str], to: Path | None, as_json: bool) -> int:
    """Sign a binary as `NAME@VERSION` with the permissions that it asks for."""
    log.configure(level="error", style="text")
    name, _, version = reference.partition("@")
    if not is_name(name) or not is_version(version):
        raise Refused(f"'{reference}' is not of the form NAME@VERSION", hint="such as clean@1.2.0")
    digest = hashlib.sha256(read_bytes(file, what="module")).hexdigest()
    requested = canonical(read_grant(text) for text in asked)
    signed = message(digest, name=name, version=version, requested=requested)
    signature = signing.sign(read_bytes(key, what="private key", most=_MOST_KEY_BYTES), signed)
    letter = Letter(
        name=name,
        version=version,
        digest=f"sha256:{digest}",
        permissions=requested,
        key_id=signature.key_id,
        signature=signature.value,
    )
    out = to or file.with_name(f"{file.name}{_SUFFIX}")
    try:
        out.write_bytes(letters.write(letter))
    except OSError as error:
        raise Refused(f"{out} cannot be written: {error.strerror}") from error
    if as_json:
        print_json({**_document(letter), "file": str(out)})
    else:
        _say(f"{escape(reference)} is signed with {letter.key_id}: {escape(str(out))}")
    return 0


def verify_file(file: Path, signature: Path, *, key: Path | None, data_dir: Path | None, as_json: bool) -> int:
    """Whether the signature is of this binary, by this key or by one that is registered. 0 only if it is."""
    letter = letters.read(read_bytes(signature, what="signature", most=letters.MOST_BYTES))
    digest = hashlib.sha256(read_bytes(file, what="module")).hexdigest()
    known = None if key is not None else _registered(letter, data_dir)
    if key is not None:
        public = signing.public_key(read_bytes(key, what="public key", most=_MOST_KEY_BYTES))
    else:
        public = b"" if known is None else known.public_key
    problem = _problem(letter, digest, public, known)
    if as_json:
        author = None if known is None else known.author
        print_json({**_document(letter), "valid": not problem, "problem": problem, "author": author})
    elif problem:
        _say(f"[bold red]not valid[/] {escape(problem)}")
    else:
        whose = f" of {escape(known.author)}" if known is not None else ""
        _say(f"[bold green]valid[/] {escape(letter.name)}@{escape(letter.version)}, signed with {letter.key_id}{whose}")
    return FAILED_EXIT if problem else 0


def _problem(letter: Letter, digest: str, public: bytes, known: AuthorKey | None) -> str:
    """Why the signature is not good; empty if it is. Whether a registered key counts now is for the registry to say."""
    if letter.hex_digest != digest:
        return f"it is of another binary: that one's SHA-256 is {letter.hex_digest}, this one's {digest}"
    if not public:
        return f"{letter.key_id} is no author's key here"
    if key_id(public) != letter.key_id:
        return f"it was made with {letter.key_id}, and the key that is given is {key_id(public)}"
    if known is not None and known.revoked_at is not None:
        return f"{letter.key_id} of {known.author} was revoked"
    if not signing.holds(public, letter.signed, letter.message):
        return "the signature does not hold: name, version or permissions are not those that were signed"
    return ""


def _registered(letter: Letter, data_dir: Path | None) -> AuthorKey | None:
    async def find(desk: Any) -> AuthorKey | None:
        return next((key for key in await desk.authors.all() if key.id == letter.key_id), None)

    return at_module_desk(find, data_dir=data_dir)


def _document(letter: Letter) -> dict[str, Any]:
    return {
        "name": letter.name,
        "version": letter.version,
        "digest": letter.digest,
        "permissions": letter.permissions,
        "key_id": letter.key_id,
    }


def _write_new(file: Path, data: bytes, *, mode: int) -> None:
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError as error:
        raise Refused(f"{file} is there already", hint="choose another name: a lost key cannot be had again") from error
    except OSError as error:
        raise Refused(f"{file} cannot be written: {error.strerror}") from error
    with os.fdopen(handle, "wb") as out:
        out.write(data)


def _say(text: str) -> None:
    terminal().print(text, soft_wrap=True)
