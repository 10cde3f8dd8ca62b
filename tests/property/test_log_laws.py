"""Laws of the log: streams are cut the same way however they arrive, and limits hold for every line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hengio.model.module import Limits
from hengio.sandbox.host.log import Lines, Logs

streams = st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r\n", b'{"message":"m"}', b"\xff"]), max_size=30)


def lines_of(pieces: list[bytes]) -> list[str]:
    logs = Logs(Limits(), None)
    stream = Lines(logs, level="info", limit=1 << 10)
    for piece in pieces:
        stream.write(piece)
    stream.flush()
    return [line.message for line in logs.lines]


@given(pieces=streams, data=st.data())
def test_a_stream_gives_the_same_lines_however_it_is_cut(pieces: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    parts = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert lines_of(parts) == lines_of([whole])


@given(
    lines=st.lists(st.binary(max_size=20), max_size=20),
    most_lines=st.integers(0, 10),
    most_bytes=st.integers(0, 100),
)
def test_what_is_kept_is_within_the_limits_and_the_rest_is_counted(
    lines: list[bytes], most_lines: int, most_bytes: int
) -> None:
    heard: list[object] = []
    logs = Logs(Limits(log_lines=most_lines, log_bytes=most_bytes), heard.append)
    for line in lines:
        logs.add("info", line)
    assert len(logs.lines) <= most_lines
    assert len(logs.lines) + logs.dropped == len(lines)
    assert heard == logs.lines
    kept = iter(lines)
    assert all(
        any(line.message == text.decode(errors="replace") for text in kept) or line.fields for line in logs.lines
    )
