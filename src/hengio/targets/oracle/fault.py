"""What Oracle's errors mean: by their codes, and never with a value of the statement."""

from __future__ import annotations

import re

from hengio.errors import HengioError, Refused, Unavailable
from hengio.targets.reply import Busy, SqlError, TimedOut

_CODE = re.compile(r"\b(ORA|DPY|PLS)-(\d{4,5})\b")
_ACCESS = frozenset({1005, 1017, 1045, 12154, 28000, 28001, 28002, 28040})
_BUSY = frozenset({51, 54, 60, 2049, 4020, 4021, 8177, 30006})
_LATE = frozenset({1013, 3156})
_LATER = frozenset(
    {18, 20, 28, 257, 1012, 1033, 1034, 1089, 1090, 1092, 1109, 1652, 1653, 1654, 2396, 3113, 3114, 3135, 12170}
    | {12514, 12516, 12518, 12519, 12520, 12526, 12527, 12528, 12537, 12541, 12543, 12545, 12547, 12570, 12571, 27101}
)
_DRIVER_LATE = 4024
_DRIVER_REFUSES = range(2000, 4000)
"""The driver's own errors about what it was given, and about what it can not do (`DPY-2…`, `DPY-3…`)."""
_QUOTED = re.compile(r"'.*'", re.DOTALL)
_OWN = range(20_000, 21_000)
"""What a procedure raises itself."""


def translated(text: str, where: str, *, offset: str = "") -> HengioError:
    """The error of ours for the driver's `text`. `where` begins the message, `offset` says where in the statement."""
    found = _CODE.findall(text)
    late = ("DPY", str(_DRIVER_LATE)) in found
    kind, code = next(((kind, int(number)) for kind, number in found if kind == "ORA"), ("", 0))
    if not kind and found:
        kind, code = found[0][0], int(found[0][1])
    away = f"{where}: the server cannot be reached, or went away"
    if not late and (not kind or (kind == "DPY" and code not in _DRIVER_REFUSES)):
        return Unavailable(away, hint="is it running, and is it Oracle?")
    match code:
        case _ if kind == "ORA" and code in _ACCESS:
            return Refused(f"{where}: the server refuses this user or its password (ORA-{code:05})")
        case _ if late or code in _LATE:
            return TimedOut(f"{where}: the statement ran longer than it may")
        case _ if code in _BUSY:
            return Busy(f"{where}: {_shown(text, code)}")
        case _ if code in _LATER:
            return Unavailable(away, hint=f"ORA-{code:05}")
        case _:
            return SqlError(f"{where}{offset}: {_shown(text, code)}")


def _shown(text: str, code: int) -> str:
    """The first line, which names what the statement names; what is in apostrophes may be data (Oracle 23)."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "an error without words")
    return line if code in _OWN else _QUOTED.sub("…", line)
