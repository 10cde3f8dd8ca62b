"""References to modules: each form means one thing, and what has none of the forms means nothing."""

from __future__ import annotations

import pytest

from hengio.errors import Refused
from hengio.ids import new_id
from hengio.model.module import Module, ModuleFacts
from hengio.model.reference import is_reference, named

ID = new_id()


def registered(version: str, *, digest: str = "aa" * 32, module_id: str = "") -> Module:
    facts = ModuleFacts(
        kind="reactor",
        digest=digest,
        size=1,
        entries=("run",),
        exports=(),
        imports=(),
        host_functions=(),
        host_io_possible=False,
        memory_minimum_bytes=0,
        memory_maximum_bytes=None,
        abi_version=1,
        languages=(),
        tools=(),
    )
    return Module(
        id=module_id or new_id(), name="clean", version=version, digest=digest, size=1, facts=facts, created_at=0
    )


MODULES = [
    registered("1.0.0"),
    registered("1.2.0", digest="bb" * 32),
    registered("2.0.1", module_id=ID),
    registered("2.1.0-rc.1"),
]


@pytest.mark.parametrize(
    ("reference", "version"),
    [
        ("clean@1.0.0", "1.0.0"),
        ("clean@2.1.0-rc.1", "2.1.0-rc.1"),
        ("clean@^1", "1.2.0"),
        ("clean@^1.1", "1.2.0"),
        ("clean@^2.0.0", "2.0.1"),
        ("sha256:" + "bb" * 32, "1.2.0"),
        (ID, "2.0.1"),
    ],
)
def test_a_reference_of_any_form_finds_its_module(reference: str, version: str) -> None:
    assert is_reference(reference)
    found = named(MODULES, reference)
    assert found is not None
    assert found.version == version


@pytest.mark.parametrize("reference", ["other", "clean@3.0.0", "clean@^3", "sha256:" + "cc" * 32, new_id()])
def test_a_reference_to_nothing_finds_nothing(reference: str) -> None:
    assert is_reference(reference)
    assert named(MODULES, reference) is None


@pytest.mark.parametrize(
    "reference",
    [
        *("", "@1.0.0", "clean@", "clean@^", "clean@^^1", "clean@^^^1", "clean@^1.", "clean@^1.x", "clean@^1.0.0.0"),
        *("clean@1", "clean@1.0", "clean@v1.0.0", "clean@~1.0.0", "clean@latest", "clean@1.0.0@1.0.0", "clean@^\u0661"),
        *("clean@\u0661.0.0", "clean@^1.0.0-rc.1", " clean", "clean\n", "clean@1.0.0\n", "a b", "9lives", "sha256:"),
        *("sha256:" + "a" * 63, "sha256:" + "a" * 65, "sha256:" + "A" * 64, "sha512:" + "a" * 64),
    ],
    ids=ascii,
)
def test_what_has_none_of_the_forms_is_refused_with_the_forms(reference: str) -> None:
    assert not is_reference(reference)
    with pytest.raises(Refused, match="does not name a module") as refused:
        named(MODULES, reference)
    assert "`name@^1.2`" in refused.value.hint
