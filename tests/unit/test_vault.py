"""Keys, ciphers and what of an object is secret."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from hengio.definition.needs import Needs, needs
from hengio.errors import Corrupt
from hengio.model.step import Step
from hengio.redaction import parts
from hengio.redaction.mask import HIDDEN, Mask
from hengio.redaction.redact import Sensitive
from hengio.storage.vault import Place, Sealing, Stored
from hengio.vault import cipher
from hengio.vault.keys import KeyMissing, KeyRing, key_of
from tests.support.vaults import OTHER, SECRET, ring

PLACE = Place("variables", "", "TOKEN")


@pytest.mark.requirement("H6.2")
def test_what_was_sealed_is_opened_at_its_place_and_nowhere_else() -> None:
    sealed = cipher.seal(key_of(SECRET), PLACE, b'"hunter22"')
    assert cipher.opened(ring(), PLACE, sealed) == b'"hunter22"'
    assert cipher.seal(key_of(SECRET), PLACE, b'"hunter22"') != sealed, "every nonce is another"
    for place in (replace(PLACE, name="OTHER"), replace(PLACE, scope="job"), replace(PLACE, table="connections")):
        with pytest.raises(Corrupt, match="is not what was sealed with the key"):
            cipher.opened(ring(), place, sealed)


@pytest.mark.parametrize("text", ["", "AAAA", "no base64!", "é"])
def test_what_was_altered_is_told_and_not_opened(text: str) -> None:
    with pytest.raises(Corrupt, match="variable 'TOKEN' is not what was sealed"):
        cipher.opened(ring(), PLACE, Stored(text, key_of(SECRET).id))


@pytest.mark.requirement("H6.2")
def test_a_missing_key_is_named_with_what_to_do() -> None:
    sealed = cipher.seal(key_of(OTHER), PLACE, b"1")
    with pytest.raises(
        KeyMissing, match=f"variable 'TOKEN' is sealed, and the key {key_of(OTHER).id} is not here"
    ) as missing:
        cipher.opened(ring(SECRET), PLACE, sealed)
    assert "previous_secret_keys" in missing.value.hint


def test_an_id_and_a_key_tell_nothing_of_the_secret_or_each_other() -> None:
    key = key_of(SECRET)
    assert len(key.bytes) == 32
    assert key.id not in key.bytes.hex() and key.id not in SECRET.hex()
    assert key.bytes.hex() not in repr(key)


def test_an_unknown_key_is_looked_for_once_more() -> None:
    secrets = [SECRET]
    asked: list[int] = []

    def load() -> list[bytes]:
        asked.append(1)
        return secrets

    keys = KeyRing(load)
    assert keys.current == key_of(SECRET)
    secrets.insert(0, OTHER)
    assert keys.find(key_of(SECRET).id) == key_of(SECRET)
    assert len(asked) == 1
    assert keys.find(key_of(OTHER).id) == key_of(OTHER) == keys.current


def test_values_are_sealed_under_the_key_that_holds_until_all_it_sealed_is_gone() -> None:
    keys = ring(SECRET, OTHER)
    assert keys.holding(Sealing(None, 0)) == key_of(SECRET)
    assert keys.holding(Sealing(key_of(OTHER).id, 3)) == key_of(OTHER)
    assert keys.holding(Sealing("lost", 0)) == key_of(SECRET)
    with pytest.raises(KeyMissing, match="lost"):
        keys.holding(Sealing("lost", 1))


def found(value: object) -> set[str]:
    return {one.text for one in parts.secrets("c", value)}


def test_passwords_tokens_keys_and_telling_headers_are_secret_and_the_rest_is_not() -> None:
    value = {
        "type": "http",
        "url": "https://user:p%40ss@host/?api_key=k3y&page=2",
        "auth": {"type": "oauth2", "token_url": "https://t", "client_id": "id", "client_secret": "cs", "scope": "all"},
        "headers": {
            "Accept": "application/json",
            "X-Api-Key": "header-key",
            "Authorization": "Bearer abc.def",
            "V": "2",
        },
        "host_key": "ssh-ed25519 AAAA",
        "private_key": "-----BEGIN",
    }
    assert found(value) == {"p%40ss", "p@ss", "k3y", "cs", "header-key", "Bearer abc.def", "abc.def", "-----BEGIN"}
    shown = parts.shown(value)
    assert not [text for text in found(value) if text in str(shown)]
    assert shown["auth"]["client_id"] == "id"
    assert shown["headers"] == {
        "Accept": "application/json",
        **dict.fromkeys(("X-Api-Key", "Authorization", "V"), HIDDEN),
    }
    assert shown["host_key"] == "ssh-ed25519 AAAA"


def test_a_mask_leaves_json_that_is_still_json() -> None:
    mask = Mask([Sensitive("a", "null"), Sensitive("b", "true"), Sensitive("c", "hunter22"), Sensitive("d", "1234567")])
    value = {"x": None, "y": [True, "null", "nullable"], "hunter22": 1234567, "z": 7}
    assert mask.value(value) == {"x": None, "y": [True, "****", "****able"], "********": HIDDEN, "z": 7}
    assert mask.value({"hunter22": 1234567}) == {"********": HIDDEN}
    assert Mask([Sensitive("short", "abc")]).idle


@pytest.mark.requirement("H6.3")
@pytest.mark.parametrize(
    ("number", "given", "left"),
    [
        ("12345", b'{"amount":12345,"x":[12345 ,-12345]}', b'{"amount":"********","x":["********" ,-12345]}'),
        ("12345", b'[123456,12345.0,12345e1,0.12345,"of 12345"]', b'[123456,12345.0,12345e1,0.12345,"of 12345"]'),
        ("12345", b'{"12345":"12345","a":"\\"12345\\""}', b'{"*****":"*****","a":"\\"12345\\""}'),
        ("-12345", b"[-12345,12345]", b'["********",12345]'),
        ("001234", b'["001234","x001234y","0001234",1234]', b'["******","x******y","0001234",1234]'),
        ("123456", b'["of 123456.","1234567 123456.5 0.123456",-123456]', None),
        ("123456", b'["a 123456",-123456,1e400,123456789012345678901]', None),
        ("123456", b'["x%20123456","bm86MTIzNDU2","6b3d313233343536","33313233343536"]', None),
    ],
)
def test_no_number_becomes_another_number(number: str, given: bytes, left: bytes | None) -> None:
    stars = given.replace(b' 123456."', b' ******."').replace(b'a 123456"', b'a ******"')
    stars = stars.replace(b"%20123456", b"%20******").replace(b"MTIzNDU2", b"KioqKioq")
    stars = stars.replace(b"6b3d313233343536", b"6b3d" + b"2a" * 6)
    assert Mask([Sensitive("PIN", number)]).json(given) == (stars if left is None else left)


@pytest.mark.requirement("H6.3")
def test_a_value_of_eight_bytes_is_found_in_other_letter_case() -> None:
    mask = Mask([Sensitive("LONG", "Hunter22/abc"), Sensitive("SHORT", "AbcDefg")])
    assert mask.text("HUNTER22/ABC hunter22%2fABC") == "************ **************"
    assert mask.text("AbcDefg abcdefg ABCDEFG") == "******* abcdefg ABCDEFG"


def test_a_mask_counts_what_it_took_out_by_name() -> None:
    mask = Mask([Sensitive("PIN", "12345"), Sensitive("PW", "hunter22"), Sensitive("N", "null")])
    own = mask.counting()
    own.value({"pin": 12345, "pw": ["hunter22 hunter22"], "n": None})
    assert own.counts == {"PIN": 1, "PW": 2}
    assert mask.counting().counts == {}


def test_a_step_needs_what_any_of_its_parts_names() -> None:
    step = Step(
        id="s",
        type="wasm",
        config={"module_id": "m", "secrets": ["A"], "params": {"x": ["${B} and {{variables.C.d ?? 1}}"]}},
        condition="variables.D == 1",
    )
    assert needs(step) == Needs(variables=frozenset("ABCD"))
    assert needs(Step(id="s", type="wasm", config={"input": "{{variables}}"})).all_variables
    assert needs(Step(id="s", type="wasm", config={"input": "{{broken"})).all_variables
    database = {"connection": "wh", "query": "SELECT {{variables.Q}}"}
    assert needs(Step(id="s", type="database", config=database)) == Needs(
        variables=frozenset("Q"), connections=frozenset({"wh"})
    )
    assert needs(Step(id="s", type="database", config={**database, "connection": "${X}"})).all_connections
