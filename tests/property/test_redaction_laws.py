"""Laws of redaction: however the characters of a value are spelled, nothing of it is left and no length changes."""

from __future__ import annotations

import base64
import json
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hengio.redaction import spellings
from hengio.redaction.redact import Redactor, Sensitive

SHORT = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
MIB = 1 << 20
SECRETS = [Sensitive(f"s{count}", f"hunter2 {count}/aBc+déf" + "x" * count) for count in range(10)]

chars = st.characters(codec="utf-8", exclude_characters="*#")
words = st.text(chars, min_size=4, max_size=12)
around = st.text(st.characters(codec="utf-8", exclude_characters="*#%\\"), max_size=9)


def mixed_case(draw: st.DrawFn, digits: str) -> str:
    return "".join(draw(st.sampled_from([digit.lower(), digit.upper()])) for digit in digits)


def percent(draw: st.DrawFn, char: str) -> str:
    return "".join(f"%{mixed_case(draw, f'{byte:02x}')}" for byte in char.encode())


def unicode_escape(draw: st.DrawFn, char: str) -> str:
    units = char.encode("utf-16-be").hex()
    return "".join(f"\\u{mixed_case(draw, units[at : at + 4])}" for at in range(0, len(units), 4))


@st.composite
def spelled(draw: st.DrawFn, text: str) -> str:
    """A text in which each character is itself or escaped in any way; escape characters never stand bare."""

    def one(char: str) -> str:
        ways = [percent, unicode_escape] if char in "%\\" else [percent, unicode_escape, lambda _, bare: bare]
        short = SHORT.get(char)
        ways += [] if short is None else [lambda _, __: short]
        return str(draw(st.sampled_from(ways))(draw, char))

    return "".join(map(one, text))


@st.composite
def spelled_values(draw: st.DrawFn) -> tuple[str, str]:
    """A value, and a spelling of it, escaped once or twice."""
    value = draw(words)
    form = draw(spelled(value))
    return value, draw(st.one_of(st.just(form), spelled(form)))


@settings(max_examples=300, deadline=None)
@given(given=spelled_values(), before=around, after=around)
@example(given=("Tr0ub4dor!&3 x", "Tr0ub4dor!%263%20x"), before="", after="")
@example(given=("wJalr/K7MDENG+bPx", "wJalr/K7MDENG%2BbPx"), before="", after="")
@example(given=("p@ss(1) é", "p%40ss(1)%20%C3%A9"), before="", after="")
@example(given=("p@ss(1) é", "p%40ss(1)+%c3%A9"), before="", after="")
@example(given=('a"b/é', 'a\\"b/\\u00E9'), before="", after="")
@example(given=("a\x7fb<c>", "a\\u007fb\\u003cc\\u003e"), before="", after="")
@example(given=("pass<word>&1", '"pass\\u003cword\\u003e\\u00261"'), before="", after="")
def test_any_mixture_of_escapes_is_found(given: tuple[str, str], before: str, after: str) -> None:
    value, form = given
    for data in (form.encode(), base64.b64encode((before + form + after).encode())):
        redactor = Redactor([Sensitive("V", value)])
        whole = before.encode() + b" " + data + b" " + after.encode()
        cleaned = redactor.clean(whole, "here")
        assert len(cleaned) == len(whole)
        assert data not in cleaned
        assert sum(one.count for one in redactor.redactions) >= 1
    once = Redactor([Sensitive("V", value)]).clean((before + form + after).encode(), "here")
    again = Redactor([Sensitive("V", value)])
    assert again.clean(once, "here") == once
    assert again.redactions == ()


@given(value=words.filter(lambda word: len(word.encode()) >= 6), before=around)
def test_base64_is_found_where_it_is_escaped(value: str, before: str) -> None:
    encoded = base64.b64encode((before + value).encode()).decode()
    percented = encoded.replace("/", "%2f").replace("+", "%2B").replace("=", "%3D")
    for form in (encoded.replace("/", "\\/"), percented, encoded.replace("+", "\\u002b").replace("=", "\\u003D")):
        redactor = Redactor([Sensitive("V", value)])
        cleaned = redactor.clean(form.encode(), "here")
        assert len(cleaned) == len(form)
        assert redactor.redactions != ()


@settings(max_examples=200, deadline=None)
@given(data=st.lists(st.sampled_from([b"\\", b"%", b"u", b"41", b"d8", b"DE", b"\\u0061", b"%25", b"n/", b"zz"])))
def test_a_view_in_pieces_reads_as_one_escape_after_the_other(data: list[bytes]) -> None:
    whole = b"".join(data) * 80
    view = spellings.Unescaped(whole, len(whole))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spellings, "_PIECE", 1000)
        pieces = spellings.Unescaped(whole, len(whole))
    assert pieces.text == view.text
    if view.text:
        assert pieces.back(view.text) == whole
        assert all(len(one.back(b"\0" * len(view.text))) == len(whole) for one in (view, pieces))


@pytest.mark.parametrize("near", range(-24, 25, 6))
def test_a_value_is_found_across_the_pieces_of_a_large_text(near: int) -> None:
    form = json.dumps('k€y 😀/"x"').encode()[1:-1]
    data = b"%41" + b"." * ((1 << 16) - 3 + near) + form + b"." * (1 << 17) + form
    cleaned = Redactor([Sensitive("V", 'k€y 😀/"x"')]).clean(data, "here")
    assert len(cleaned) == len(data)
    assert cleaned == data.replace(form, b"*" * len(form))


HOSTILE = {
    "short runs": b"abcdefg ",
    "one run": b"QUJD",
    "zeros": b"\0",
    "percent": b"%41",
    "percent here and there": b"a%41",
    "percent twice": b"%2541",
    "backslashes": b"\\",
    "unicode": b"\\\\u0061",
    "half a pair": b"\\ud83d",
    "nearly the value": b"hunter2 1/aBc ",
    "the value": b"hunter2%201/aBc%2Bd\\u00e9fx",
    "the value in base64": base64.b64encode("hunter2 1/aBc+défx..".encode()),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_cleaning_takes_time_in_proportion_to_the_data_whatever_that_is(name: str) -> None:
    data = HOSTILE[name] * (4 * MIB // len(HOSTILE[name]))
    began = time.process_time()
    assert len(Redactor(SECRETS).clean(data, "output")) == len(data)
    assert time.process_time() - began < 3.0, "it takes some tenths of a second"


def test_stars_are_no_longer_than_the_value() -> None:
    data = b'{"a":"see p%40ss%2Fw0rd. ","b":"\\u0070@ss\\/w0rd","c":"70407373"}'
    redactor = Redactor([Sensitive("V", "p@ss/w0rd")])
    assert redactor.clean(data, "input") == b'{"a":"see *************. ","b":"***************","c":"70407373"}'
    assert [(one.name, one.place, one.count) for one in redactor.redactions] == [("V", "input", 2)]


def test_what_stands_before_json_does_not_hide_a_value() -> None:
    for value, form in (("000\x1f", b"000\\u001f"), ("néw", b"n\\u00e9w")):
        for before in (b"%", b"\\", b"100%4"):
            cleaned = Redactor([Sensitive("V", value)]).clean(before + form, "input")
            assert cleaned == before + b"*" * len(form)
