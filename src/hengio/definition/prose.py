"""What the docstrings of a definition's types say of them and of their fields, for readers who see no source."""

from __future__ import annotations

import inspect
import re

_CRITERIA = re.compile(r"\s*\((?:[HR]\d+(?:\.\d+)?(?:, )?)+\)")
_SENTENCE = re.compile(r"(?<=[.])\s+(?=[A-Z`])")


def of(cls: type) -> str:
    """All of the docstring of a type, as one line without the numbers of criteria."""
    return " ".join(_sentences(cls))


def about(cls: type, field: str) -> str:
    """The sentences that name the field, of the type's docstring or of the nearest base's that has some."""
    for each in cls.__mro__:
        if found := [sentence for sentence in _sentences(each) if f"`{field}`" in sentence]:
            return " ".join(found)
    return ""


def _sentences(cls: type) -> list[str]:
    text = inspect.cleandoc(cls.__dict__.get("__doc__") or "")
    return _SENTENCE.split(_CRITERIA.sub("", " ".join(text.split()))) if text else []
