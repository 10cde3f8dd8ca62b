"""Takes sensitive values out of what an HTTP step says: its failures, its notes of a dry run, its output."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from hengio import codec
from hengio.codec import Json, Raw
from hengio.definition.context import Context
from hengio.model.outcome import Failure
from hengio.redaction.redact import Redactor, Sensitive, sensitive
from hengio.steps.protocol import StepResult
from hengio.targets.secrets import HIDDEN, forms, redacted

OUTPUT_LEAST = 8
"""Characters of a value that is looked for in an output: shorter ones stand in ordinary data, which must not change."""


class Mask:
    """The sensitive values that one attempt knows: variables, and what proves to a server who asks."""

    def __init__(self, context: Context) -> None:
        known = context.all_variables()
        names = sorted(context.secret_names)
        self._values = {found.text: found for name in names for found in sensitive(name, known.get(name))}
        self._redactor: Redactor | None = None

    def add(self, values: Iterable[str]) -> None:
        """More of them; empty ones are nothing."""
        self._values.update({value: Sensitive("credentials", value) for value in values if value})
        self._redactor = None

    def holds(self, text: str) -> bool:
        """Whether one of them stands in the text as it is."""
        return any(value in text for value in self._values)

    def text(self, text: str) -> str:
        """The text without them, in whatever usual spelling."""
        self._redactor = self._redactor or Redactor(self._values.values())
        return self._redactor.clean_text(text, "")

    def json(self, value: Json) -> Json:
        """The value with all its strings, and the keys of its objects, so cleaned."""
        match value:
            case str():
                return self.text(value)
            case list() | tuple():
                return [self.json(item) for item in value]
            case dict():
                return {self.text(key): self.json(item) for key, item in value.items()}
            case _:
                return value

    def result(self, result: StepResult) -> StepResult:
        """A step's failure without them."""
        if result.failure is None:
            return result
        failure = result.failure
        cleaned = Failure(
            failure.code, self.text(failure.message), details=self.json(failure.details), retryable=failure.retryable
        )
        return msgspec.structs.replace(result, failure=cleaned)

    def output(self, output: dict[str, Any]) -> Raw:
        """An output as JSON, in which the longer values are replaced where a server sent them back."""
        encoded = Raw(codec.encode(output))
        values = [value for value in self._values if len(value) >= OUTPUT_LEAST]
        if not values:
            return encoded
        plain = codec.decode(encoded)
        spelled = codec.encode(plain)  # whatever escapes the server used
        if any(codec.encode(form)[1:-1] in spelled for value in values for form in forms(value)):
            return Raw(codec.encode(_hidden(plain, values)))
        return encoded


def _hidden(value: Json, values: list[str]) -> Json:
    match value:
        case str():
            return redacted(value, values)
        case list():
            return [_hidden(item, values) for item in value]
        case dict():
            return {redacted(key, values): _hidden(item, values) for key, item in value.items()}
        case bool() | None:
            return value
        case _:
            return HIDDEN if codec.encode(value).decode() in values else value
