"""The errors of WASI preview 1 that our functions answer with."""

from __future__ import annotations

from enum import IntEnum


class Errno(IntEnum):
    """Those of `errno` that are in use."""

    SUCCESS = 0
    ACCES = 2
    BADF = 8
    BUSY = 10
    DQUOT = 19
    EXIST = 20
    FBIG = 22
    ILSEQ = 25
    INVAL = 28
    IO = 29
    ISDIR = 31
    MFILE = 33
    NAMETOOLONG = 37
    NOENT = 44
    NOTDIR = 54
    NOTEMPTY = 55
    NOTSOCK = 57
    NOTSUP = 58
    OVERFLOW = 61
    ROFS = 69
    SPIPE = 70
    TIMEDOUT = 73
    XDEV = 75
    NOTCAPABLE = 76


class Fault(Exception):
    """An ordinary error of a WASI function: the guest gets its number and goes on."""

    def __init__(self, errno: Errno) -> None:
        super().__init__(errno.name)
        self.errno = errno
