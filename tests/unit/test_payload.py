"""What a webhook was sent becomes `webhook.payload`, `webhook.query_params` and `webhook.headers` (H2.4)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hengio import codec
from hengio.codec import InvalidJson
from hengio.errors import Refused, TooLarge, Unsupported
from hengio.service.payload import MOST_BYTES, chosen, form, payload, webhook

JSON, FORM, TEXT = "application/json", "application/x-www-form-urlencoded", "text/plain; charset=utf-8"


@pytest.mark.requirement("H2.4")
@pytest.mark.parametrize(
    ("body", "content_type", "read"),
    [
        (b'{"order": {"id": 7}}', JSON, {"order": {"id": 7}}),
        ('\ufeff{"tên": "Tết"}'.encode(), "application/vnd.shop+json; charset=utf-8", {"tên": "Tết"}),
        (b"[1, 2.50]", "", [1, 2.5]),
        (b"12345678901234567890123", TEXT, 12345678901234567890123),
        (b"null", JSON, None),
        (b"", JSON, None),
        (b"", "", None),
        (b"name=An&tag=a&tag=b&empty=", FORM, {"name": "An", "tag": ["a", "b"], "empty": ""}),
        ("x=Tết+m%E1%BB%9Bi".encode(), f"{FORM}; charset=utf-8", {"x": "Tết mới"}),
        (b"<order/>", "application/xml", "<order/>"),
        (b'{"a": NaN}', TEXT, '{"a": NaN}'),
        (b"a\x00b", "", "a\x00b"),
    ],
)
def test_a_body_is_read_as_what_it_is(body: bytes, content_type: str, read: Any) -> None:
    assert payload(body, content_type) == read


DEEP = b"[" * 100_000


@pytest.mark.requirement("H2.4")
@pytest.mark.parametrize(
    "body",
    [
        *(b"{", b"{}{}", b"\xff{}", b" ", b"{'a': 1}", b'{"a": 1, "a": 2}', b"[NaN]", b"[-Infinity]", b"1e999"),
        *(
            b"1" * 5000,
            b'"\\ud800"',
            DEEP,
            DEEP + b"]" * 100_000,
            b"[" * 70 + b"]" * 70,
            b'{"a":' * 70 + b"1" + b"}" * 70,
        ),
    ],
    ids=range(15),
)
def test_json_that_cannot_be_meant_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidJson):
        payload(body, JSON)


def test_what_is_no_text_and_what_is_compressed_is_not_read() -> None:
    with pytest.raises(Unsupported):
        payload(b"\x1f\x8b\x08\x00\xff", "")
    for encoding in ("gzip", "br", "gzip, identity", "x"):
        with pytest.raises(Unsupported):
            webhook(b"{}", [("content-encoding", encoding)], "", wanted=None)
    assert webhook(b"{}", [("content-encoding", "identity")], "", wanted=None)


@pytest.mark.parametrize("text", ["a=%FF", "%ED%A0%80=1", "&".join(f"a{n}=1" for n in range(1001))])
def test_fields_that_are_not_utf_8_or_too_many_are_refused(text: str) -> None:
    with pytest.raises(Refused):
        form(text)


def test_a_payload_that_grows_beyond_the_limit_as_json_is_refused() -> None:
    with pytest.raises(TooLarge):
        webhook(b"\x01" * (MOST_BYTES // 4), [], "", wanted=None)


CAME = [
    ("host", "h"),
    ("content-type", JSON),
    ("user-agent", "shop/1"),
    ("x-request-id", "r-1"),
    ("x-tag", "a"),
    ("x-tag", "b"),
    ("date", "today"),
    ("cookie", "c"),
    ("authorization", "Bearer t"),
    ("proxy-authorization", "p"),
    ("x-api-key", "k"),
    ("x-hub-signature-256", "s"),
    ("x-forwarded-for", "10.0.0.1"),
    ("x-hengio-signature", "sha256=00"),
    ("x-hengio-timestamp", "1"),
]


@pytest.mark.requirement("H2.4")
def test_the_usual_headers_are_told_and_none_that_says_who_asks() -> None:
    usual = {"content-type": JSON, "user-agent": "shop/1", "x-request-id": "r-1", "x-tag": "a, b"}
    assert chosen(CAME, wanted=None) == usual


@pytest.mark.requirement("H2.4")
def test_a_job_may_name_others_instead_but_never_those_that_prove_who_asks() -> None:
    wanted = ["Date", "X-Api-Key", "X-Forwarded-For", "Authorization", "Cookie", "X-Hengio-Signature", "Missing"]
    assert chosen(CAME, wanted=wanted) == {"date": "today", "x-api-key": "k", "x-forwarded-for": "10.0.0.1"}
    assert chosen(CAME, wanted=[]) == {}


@given(
    st.binary(max_size=200),
    st.sampled_from([JSON, FORM, TEXT, ""]),
    st.text(alphabet=st.characters(max_codepoint=255), max_size=50),
)
def test_whatever_is_sent_is_read_or_refused(body: bytes, content_type: str, query: str) -> None:
    try:
        found = codec.decode(webhook(body, [("content-type", content_type)], query, wanted=None))
    except Refused:
        return
    assert set(found) == {"payload", "query_params", "headers"}
