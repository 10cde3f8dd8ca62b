"""What can be shown of words and bytes that a guest or a stranger chose: short, and nothing that a terminal obeys."""

from __future__ import annotations

MOST_SHOWN = 300


def shown(given: str | bytes, most: int = MOST_SHOWN) -> str:
    """The first `most` letters or bytes, with a mark for what can not be printed."""
    start = given[:most]
    text = start if isinstance(start, str) else start.decode(errors="replace")
    printable = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    unit = "letters" if isinstance(given, str) else "bytes"
    return printable + (f"… ({len(given)} {unit})" if len(given) > most else "")
