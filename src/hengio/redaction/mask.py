"""Takes sensitive values out of what a step says, before anybody keeps or shows it (H6.3)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from copy import copy

from hengio import codec
from hengio.codec import Json
from hengio.redaction.redact import Redactor, Sensitive, is_number

LEAST_BYTES = 4
"""What is shorter stands in too much that is nobody's secret."""
HIDDEN = "********"
"""What stands for a value where only that there is one may be shown."""
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_STRINGS = re.compile(_STRING, re.DOTALL)
_SCALARS = re.compile(_STRING + rb"|-?[0-9][0-9.eE+-]*+", re.DOTALL)


class Mask:
    """Replaces values by as many stars, in plain sight and in their usual spellings.

    Values of fewer than four bytes are not looked for. Of JSON a number that is such a value becomes a text of eight
    stars, and no number ever another: a sensitive number is left in a longer one, and in a text it is only looked for
    where it is all of it, or has six digits. Takes time in proportion to what it cleans.
    """

    def __init__(self, values: Iterable[Sensitive] = ()) -> None:
        kept = [value for value in values if len(value.text.encode(errors="replace")) >= LEAST_BYTES]
        self._redactor = Redactor(kept, alone=True)
        self._numbers = {value.text.encode(): value.name for value in kept if is_number(value.text)}
        self._counts: Counter[str] = Counter()

    @property
    def idle(self) -> bool:
        """Whether there is nothing to look for."""
        return self._redactor.idle and not self._numbers

    @property
    def counts(self) -> dict[str, int]:
        """How often something was replaced so far, by what the values are called."""
        counts = Counter(self._counts)
        for one in self._redactor.redactions:
            counts[one.name] += one.count
        return dict(counts)

    def counting(self) -> Mask:
        """The same mask, which has not counted anything yet."""
        fresh = copy(self)
        fresh._redactor = self._redactor.counting()
        fresh._counts = Counter()
        return fresh

    def text(self, text: str) -> str:
        """The text without the values."""
        name = self._numbers.get(text.encode(errors="replace")) if self._numbers else None
        if name is None:
            return self._redactor.clean_text(text, "")
        self._counts[name] += 1
        return "*" * len(text)

    def json(self, data: bytes) -> bytes:
        """JSON without the values, and still JSON: a value such as `null` is only taken out of texts."""
        if self.idle:
            return data
        numbered = self._without_numbers(data)
        tried = self._redactor.counting()
        cleaned = tried.clean(numbered, "")
        if cleaned == numbered:
            return numbered
        try:
            codec.decode(cleaned)
        except codec.InvalidJson:
            return _STRINGS.sub(lambda found: self._string(found[0]), numbered)
        self._counts.update(Counter({one.name: one.count for one in tried.redactions}))
        return cleaned

    def value(self, value: Json) -> Json:
        """A value that JSON can hold, as JSON, without the values."""
        return value if self.idle else codec.decode(self.json(codec.encode(value)))

    def _without_numbers(self, data: bytes) -> bytes:
        """Without the sensitive numbers that are all of a number or of a text."""
        if not any(number in data for number in self._numbers):
            return data
        return _SCALARS.sub(lambda found: self._scalar(found[0]), data)

    def _scalar(self, written: bytes) -> bytes:
        quoted = written.startswith(b'"')
        name = self._numbers.get(written[1:-1] if quoted else written)
        if name is None:
            return written
        self._counts[name] += 1
        return b'"' + (b"*" * (len(written) - 2) if quoted else HIDDEN.encode()) + b'"'

    def _string(self, written: bytes) -> bytes:
        try:
            text = codec.decode(written)
        except codec.InvalidJson:
            return self._redactor.clean(written, "")
        cleaned = self.text(text)
        return written if cleaned == text else codec.encode(cleaned)


IDLE = Mask()
