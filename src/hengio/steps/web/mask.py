"""What an HTTP step alone knows and must not say: the tokens it fetched, and whatever it sent to prove who asks.

What the step names is taken out of its result by who called it (`worker/masking`); here only what that mask does not
know is, and what is cut before it comes there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from hengio import codec
from hengio.codec import Raw
from hengio.definition.context import Context
from hengio.model.outcome import Failure
from hengio.redaction import mask
from hengio.redaction.mask import LEAST_BYTES
from hengio.redaction.redact import Sensitive, sensitive
from hengio.steps.protocol import StepResult


class Mask:
    """What one attempt uses to prove who asks, beside what the attempt's mask, `given`, takes out anyway.

    The sensitive variables of the `context` are only looked for in headers, which then go to no other origin.
    """

    def __init__(self, context: Context, given: mask.Mask = mask.IDLE) -> None:
        known = context.admin
        names = sorted(context.secret_names)
        self._variables = {found.text for name in names for found in sensitive(name, known.get(name))}
        self._given = given
        self._own: dict[str, Sensitive] = {}
        self._made: mask.Mask = mask.IDLE

    def add(self, values: Iterable[str]) -> None:
        """More of them; empty ones are nothing."""
        for value in values:
            if value and not self._known(value):
                self._own[value] = Sensitive("credentials", value)
        self._made = mask.Mask(self._own.values()) if self._own else mask.IDLE

    def holds(self, text: str) -> bool:
        """Whether a sensitive variable or one of them stands in the text as it is; a short one only as all of it."""
        return any(
            text == value or (len(value.encode(errors="replace")) >= LEAST_BYTES and value in text)
            for value in (*self._variables, *self._own)
        )

    def text(self, text: str) -> str:
        """The text without anything that must not be told, in whatever usual spelling: it may be cut afterwards."""
        return self._given.text(self._made.text(text))

    def result(self, result: StepResult) -> StepResult:
        """A step's failure without them."""
        if result.failure is None or self._made.idle:
            return result
        failure = result.failure
        cleaned = Failure(
            failure.code,
            self._made.text(failure.message),
            details=self._made.value(failure.details),
            retryable=failure.retryable,
        )
        return msgspec.structs.replace(result, failure=cleaned)

    def output(self, output: dict[str, Any]) -> Raw:
        """An output as JSON, in which they are replaced where a server sent them back."""
        return Raw(self._made.json(codec.encode(output)))

    def _known(self, value: str) -> bool:
        """Whether the attempt's mask takes out all of it, or of `user:password` the password."""
        return any(part and not self._given.text(part).strip("*") for part in (value, value.partition(":")[2]))
