"""What an engine is, as far as the code made for it goes."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version

from wasmtime import Engine, Module

from hengio.sandbox.wasmtime.config import Tier, make_config

_EMPTY = b"\0asm\x01\0\0\0"


@cache
def fingerprint(tier: Tier) -> str:
    """32 hexadecimal digits that change with Wasmtime's version, the configuration, the architecture and the
    processor's features.

    All of them are in the head of any serialized code, so they are taken from that of the empty module (0.1 ms) instead
    of being listed here. Wasmtime itself writes only its major version there: the package's own goes in as well, as a
    corrected compiler must not be served its predecessor's code.
    """
    config = make_config(tier)
    config.parallel_compilation = False  # no threads for so little
    head = bytes(Module(Engine(config), _EMPTY).serialize())
    return hashlib.blake2b(b"\0".join((version("wasmtime").encode(), head)), digest_size=16).hexdigest()
