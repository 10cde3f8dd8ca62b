"""Takes sensitive values out of what a step says, before anybody keeps or shows it (H6.3)."""

from __future__ import annotations

from collections.abc import Iterable

from hengio import codec
from hengio.codec import Json
from hengio.redaction.redact import Redactor, Sensitive

LEAST_BYTES = 4
"""What is shorter stands in too much that is nobody's secret."""
HIDDEN = "********"
"""What stands for a value where only that there is one may be shown."""


class Mask:
    """Replaces values by as many stars (numbers by other digits), in plain sight and in their usual spellings.

    Values of fewer than four bytes are not looked for. Takes time in proportion to what it cleans.
    """

    def __init__(self, values: Iterable[Sensitive] = ()) -> None:
        self._redactor = Redactor(value for value in values if len(value.text.encode(errors="replace")) >= LEAST_BYTES)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to look for."""
        return self._redactor.idle

    def text(self, text: str) -> str:
        """The text without the values."""
        return self._redactor.clean_text(text, "")

    def json(self, data: bytes) -> bytes:
        """JSON without the values, and still JSON: a value such as `null` is only taken out of texts."""
        if self.idle:
            return data
        cleaned = self._redactor.clean(data, "")
        if cleaned == data:
            return data
        try:
            codec.decode(cleaned)
        except codec.InvalidJson:
            return codec.encode(self._members(codec.decode(data)))
        return cleaned

    def value(self, value: Json) -> Json:
        """A value that JSON can hold, as JSON, without the values."""
        return value if self.idle else codec.decode(self.json(codec.encode(value)))

    def _members(self, value: Json) -> Json:
        match value:
            case str():
                return self.text(value)
            case list():
                return [self._members(item) for item in value]
            case dict():
                return {self.text(key): self._members(item) for key, item in value.items()}
            case bool() | None:
                return value
            case _:
                written = codec.encode(value).decode()
                return value if self.text(written) == written else HIDDEN


IDLE = Mask()
