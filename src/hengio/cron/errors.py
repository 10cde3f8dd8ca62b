"""What is wrong with a cron expression, and where in it."""

from __future__ import annotations


class CronError(ValueError):
    """A text that is no cron expression.

    `message` says what is wrong, `hint` what is allowed there or what was probably meant. `field` is the name of the
    field, such as `day-of-week`; empty if the text as a whole is wrong. `column` counts characters from 1.
    """

    def __init__(self, message: str, hint: str = "", *, field: str = "", column: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.field = field
        self.column = column
