"""What grants may never do, whatever the pattern and whatever is asked for."""

from __future__ import annotations

import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hengio import url
from hengio.errors import Refused
from hengio.grants import files, glob, http

NAMES = st.sampled_from(["a.example", "b.a.example", "example", "10.0.0.1", "a.example.evil", "xn--p1ai.example"])
SEGMENTS = st.lists(st.text("ab.%2eF/*", min_size=0, max_size=5), max_size=5)
PATTERN = st.lists(st.sampled_from(["a", "b", "*", "**", "a*", "*b", "a*b*a"]), min_size=1, max_size=6)
PATH = st.lists(st.text("ab", min_size=1, max_size=5), min_size=1, max_size=6)


def by_definition(pattern: list[str], path: list[str]) -> bool:
    """The meaning of a glob, said as slowly as possible."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(by_definition(pattern[1:], path[at:]) for at in range(len(path) + 1))
    return bool(path) and fnmatch.fnmatchcase(path[0], pattern[0]) and by_definition(pattern[1:], path[1:])


@given(PATTERN, PATH)
def test_globs_match_as_they_are_defined(pattern: list[str], path: list[str]) -> None:
    assert glob.matches(pattern, path) == by_definition(pattern, path)


@pytest.mark.requirement("R4.7")
@given(st.sampled_from(["http", "https"]), NAMES, st.integers(1, 65_535), SEGMENTS)
def test_a_match_never_crosses_scheme_host_port_or_prefix(scheme: str, host: str, port: int, path: list[str]) -> None:
    pattern = http.parse("https://a.example/inside/**")
    try:
        target = url.parse(f"{scheme}://{host}:{port}/inside/{'/'.join(path)}")
    except Refused:
        return
    if pattern.names(target):
        assert (target.scheme, target.host, target.port) == ("https", "a.example", 443)
        assert re.match(r"/inside(/|$)", target.path)
        assert ".." not in target.path.replace("%2e", ".").replace("%2E", ".").split("/")


@given(st.text(max_size=60))
def test_a_url_is_refused_or_its_spelling_is_stable(text: str) -> None:
    try:
        normal = str(url.parse(f"http://{text}"))
    except Refused:
        return
    assert str(url.parse(normal)) == normal


@pytest.mark.requirement("R4.5", "R4.6")
@given(st.text("ab*./", min_size=1, max_size=12), PATH)
def test_a_file_grant_is_refused_or_stays_within_its_first_segment(resource: str, path: list[str]) -> None:
    try:
        files.parse(resource)
    except Refused:
        return
    first = resource.split("/", maxsplit=1)[0]
    if "*" not in first and files.allows(resource, "/".join(path)):
        assert path[0] == first
