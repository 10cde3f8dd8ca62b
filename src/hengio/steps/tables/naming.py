"""Where a step's files lie, and which names a file may have (H4, H5)."""

from __future__ import annotations

import re
import unicodedata

from hengio.errors import Refused
from hengio.steps.protocol import StepRequest

_FORBIDDEN = re.compile(r'[\\:*?"<>|\x00-\x1f\x7f]')
_RESERVED = re.compile(r"(CON|PRN|AUX|NUL|COM[0-9¹²³]|LPT[0-9¹²³])(\..*)?", re.IGNORECASE)
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_NUMBERED = re.compile(r"#\d+$")
_MOST_BYTES = 400


def file_key(request: StepRequest, path: str) -> str:
    """The key of a file that a step writes: under its own attempt, so that a killed one is never mixed with the next.

    `jobs/{job}/executions/{execution}/{step}/{attempt}/{path}`; a later visit of the step is `{visit}.{attempt}`.
    """
    attempt = f"{request.attempt}" if request.visit == 1 else f"{request.visit}.{request.attempt}"
    execution = request.execution
    return f"jobs/{execution.job_id}/executions/{execution.id}/{request.step.id}/{attempt}/{relative(path)}"


def relative(path: str) -> str:
    """A plain file name, or folders and one, in Unicode's composed form (NFC). `Refused` says what is wrong with it:
    it must mean the same file on every system and never leave its folder."""
    path = unicodedata.normalize("NFC", path)
    reason = next((reason for segment in path.split("/") if (reason := _fault(segment))), "")
    if len(path.encode(errors="replace")) > _MOST_BYTES:
        reason = f"it is longer than {_MOST_BYTES} bytes"
    if reason:
        raise Refused(f"path {ascii(path)[:100]} is not allowed: {reason}", hint="give a file name such as report.xlsx")
    return path


def tamed(name: str) -> str:
    """The name of a file elsewhere as one that is allowed here: the same, if it is. What is not allowed in it becomes
    `_`; a device's name, and one that is nothing but dots, gets `_` in front."""
    name = "".join(
        "_" if letter == "/" or _FORBIDDEN.match(letter) or unicodedata.category(letter) in _INVISIBLE else letter
        for letter in unicodedata.normalize("NFC", name)
    )
    if name != name.strip() or name.endswith("."):
        name = f"_{name.strip().rstrip('. ')}_"
    if _NUMBERED.search(name):
        name += "_"
    return f"_{name}" if not name or _RESERVED.fullmatch(name) else name


def _fault(segment: str) -> str:
    rules = (
        (not segment, "it is empty, begins or ends with / or has // in it"),
        (segment in {".", ".."}, f"it has {segment} in it"),
        (_FORBIDDEN.search(segment), 'it has a control character or one of \\ : * ? " < > |'),
        (segment != segment.strip() or segment.endswith("."), "a part begins or ends with a space, or ends with a dot"),
        (_RESERVED.fullmatch(segment), "a part is a device's name on some systems"),
    )
    return next((reason for broken, reason in rules if broken), "")
