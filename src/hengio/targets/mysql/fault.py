"""What MySQL's and MariaDB's errors mean: by their numbers, and never with a value of the statement."""

from __future__ import annotations

import re

from hengio.errors import HengioError, Refused, Unavailable
from hengio.targets.reply import Busy, SqlError, TimedOut

LOST = 2013
GARBAGE = 2027
INSECURE = 2026

_AUTHENTICATION = frozenset({1044, 1045, 1698, 1862, 1820, 2054, 2059, 3118, 3955, 4151})
_ANSWERS = frozenset({1040, 1049})
"""What a server that can be reached says to somebody who connects: too many do, or there is no such database."""
_LATE = frozenset({1028, 1969, 3024})
_BUSY = frozenset({1205, 1213, 1412, 1637, 3572})
_LATER = frozenset(
    {1021, 1037, 1038, 1040, 1041, 1047, 1053, 1080, 1114, 1129, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1226}
    | {1317, 1836, 1927, 4031, 3032, 3100, 3168, 3169, LOST, GARBAGE, 2002, 2003, 2006, 2014, 2055}
)
_OF_NAMES = frozenset(
    {1046, 1048, 1049, 1050, 1051, 1052, 1054, 1060, 1061, 1068, 1072, 1091, 1093, 1101, 1109, 1111, 1136, 1140}
    | {1142, 1143, 1146, 1166, 1172, 1176, 1193, 1210, 1215, 1221, 1222, 1227, 1235, 1238, 1242, 1246, 1248, 1264}
    | {1290, 1295, 1304, 1305, 1318, 1327, 1347, 1356, 1359, 1364, 1370, 1406, 1414, 1415, 1419, 1422, 1442, 1451, 1452}
    | {1568, 1582, 1644, 1792, 3065, 3140, 3819, 4025, 4078, 4161}
)
"""Whose messages name what the statement or the definition of a table names, and quote no data."""
_STANDBY = 1290
"""Forbidden by an option of the server, which may be `--read-only` while another one takes over."""
_PARSE = frozenset({1064, 1149})
_NEAR = re.compile(r"near '([A-Za-z_]\w*)?.*' at line (\d+)$", re.DOTALL)
_KEY = re.compile(r" for key '[\w.$-]+'$")
_QUOTED = re.compile(r"'.*'|\".*\"", re.DOTALL)


class Fault(Exception):
    """The driver's error, as it said it: `message` may hold values. `number` is MySQL's or one of those above."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(number)
        self.number = number
        self.message = message

    @property
    def lost(self) -> bool:
        """Whether the session ended with it."""
        return self.number in {LOST, 2006, 1927, 1053, 1184, GARBAGE, 4031}


def translated(fault: Fault, where: str, *, connecting: bool = False) -> HengioError:
    """The error of ours for it. `where` begins the message."""
    number = fault.number
    if number in _AUTHENTICATION:
        return Refused(f"{where}: the server refuses this user, its password or how it signs in ({number})")
    if number == INSECURE:
        return Refused(f"{where}: {fault.message}", hint="the connection's `ssl` says how safe it has to be")
    if connecting and number not in _ANSWERS:
        return Unavailable(f"{where}: the server cannot be reached", hint="is it running, and is it MySQL?")
    return _of_statement(fault, where)


def _of_statement(fault: Fault, where: str) -> HengioError:
    number = fault.number
    if number in _LATE:
        return TimedOut(f"{where}: the statement ran longer than it may")
    if number in _BUSY:
        return Busy(f"{where}: {_shown(fault)} ({number})")
    if number in _LATER or (number == _STANDBY and "read-only" in fault.message):
        return Unavailable(f"{where}: {_shown(fault)} ({number})")
    return SqlError(f"{where}: {_shown(fault)} ({number})")


def _shown(fault: Fault) -> str:
    """The message without what may be data: the quoted parts of all but well-known messages."""
    if fault.number in _OF_NAMES:
        return fault.message
    if fault.number in _PARSE:
        found = _NEAR.search(fault.message)
        near = f", near `{found[1][:40]}`" if found and found[1] and found[1] != "_utf8mb4" else ""
        return f"the statement cannot be read{f' at line {found[2]}' if found else ''}{near}"
    key = _KEY.search(fault.message)
    return _QUOTED.sub("…", fault.message.removesuffix(key[0]) if key else fault.message) + (key[0] if key else "")
