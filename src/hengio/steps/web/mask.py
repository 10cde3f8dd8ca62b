"""What an HTTP step must not say, beside what every step must not: the tokens it fetched, and whatever it sent to prove
who asks. Needed while it runs, too: a header that holds one of them goes to no other origin."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from hengio import codec
from hengio.codec import Raw
from hengio.definition.context import Context
from hengio.model.outcome import Failure
from hengio.redaction import mask
from hengio.redaction.redact import Sensitive, sensitive
from hengio.steps.protocol import StepResult


class Mask:
    """The sensitive values that one attempt knows: variables, and what proves to a server who asks."""

    def __init__(self, context: Context) -> None:
        known = context.all_variables()
        names = sorted(context.secret_names)
        self._values = {found.text: found for name in names for found in sensitive(name, known.get(name))}
        self._made: mask.Mask | None = None

    def add(self, values: Iterable[str]) -> None:
        """More of them; empty ones are nothing."""
        self._values.update({value: Sensitive("credentials", value) for value in values if value})
        self._made = None

    def holds(self, text: str) -> bool:
        """Whether one of them stands in the text as it is."""
        return any(value in text for value in self._values)

    def text(self, text: str) -> str:
        """The text without them, in whatever usual spelling."""
        return self._mask().text(text)

    def result(self, result: StepResult) -> StepResult:
        """A step's failure without them."""
        if result.failure is None:
            return result
        failure = result.failure
        cleaned = Failure(
            failure.code,
            self.text(failure.message),
            details=self._mask().value(failure.details),
            retryable=failure.retryable,
        )
        return msgspec.structs.replace(result, failure=cleaned)

    def output(self, output: dict[str, Any]) -> Raw:
        """An output as JSON, in which they are replaced where a server sent them back."""
        return Raw(self._mask().json(codec.encode(output)))

    def _mask(self) -> mask.Mask:
        if self._made is None:
            self._made = mask.Mask(self._values.values())
        return self._made
