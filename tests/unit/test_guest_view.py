"""What a module can reach with `get_context` and `set_context`."""

from __future__ import annotations

import pytest

from hengio.codec import Raw
from hengio.definition.context import Context, StepEntry
from hengio.steps.guest import GuestView


def view(**own: object) -> GuestView:
    context = Context(
        base={"input": {"from": "trigger"}, "webhook": {"headers": {"X-Request-ID": "7"}}},
        admin={"API_BASE": "https://bank.example", "TOKEN": "s3cret", "PIN": "0000"},
        secret_names=frozenset({"TOKEN", "PIN"}),
        variables={"region": {"name": "south", "code": 8}},
        steps={"fetch": StepEntry(raw=Raw(b'{"items":[{"id":1},{"id":2}]}'), fields={"status": "success"})},
    )
    return GuestView(context, secrets=("PIN",), own=own)


@pytest.mark.requirement("R5.2")
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("variables.region.code", 8),
        ("steps.fetch.output.items[1].id", 2),
        ("steps.fetch.status", "success"),
        ("webhook.headers.X-Request-ID", "7"),
        ('variables["region"].name', "south"),
        ("params.most", 5),
        ("input.rows[0]", 1),
        ("variables.API_BASE", "https://bank.example"),
        ("variables.PIN", "0000"),
    ],
)
def test_a_module_reads_what_stands_at_a_dotted_path(path: str, value: object) -> None:
    assert view(params={"most": 5}, input=Raw(b'{"rows":[1,2]}')).get(path) == (True, value)


@pytest.mark.requirement("R5.2")
@pytest.mark.parametrize(
    "path",
    [
        "variables.nobody",
        "steps.fetch.output.items[9]",
        "steps.other.output",
        "input.rows",
        "",
        "a..b",
        "[",
        "x" * 9000,
    ],
)
def test_what_is_not_there_is_not_found_and_never_an_error(path: str) -> None:
    assert view().get(path) == (False, None)


@pytest.mark.requirement("R3.4")
def test_a_sensitive_variable_that_the_step_does_not_list_is_not_there() -> None:
    assert view().get("variables.TOKEN") == (False, None)


@pytest.mark.requirement("R5.3")
def test_a_module_reads_its_own_writes_and_objects_merge() -> None:
    seen = view()
    assert seen.set("region", {"code": 9}) is None
    assert seen.get("variables.region") == (True, {"name": "south", "code": 9})
    assert seen.get('variables["region"].code') == (True, 9)


@pytest.mark.requirement("R5.3", "R3.4")
def test_a_variable_of_an_administrator_can_not_be_written() -> None:
    seen = view()
    assert "read-only" in (seen.set("API_BASE", "https://evil.example") or "")
    assert seen.get("variables.API_BASE") == (True, "https://bank.example")
