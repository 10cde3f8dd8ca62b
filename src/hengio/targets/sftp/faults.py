"""What the SSH library raises, as errors named by who must act.

The words are ours: a server's own text is never repeated, because it was told the password.
"""

from __future__ import annotations

import logging

import asyncssh

from hengio.errors import Forbidden, HengioError, NotFound, Refused, Unavailable

asyncssh.set_log_level(logging.CRITICAL + 1)  # it names users and paths, and says nothing that the errors do not
asyncssh.set_sftp_log_level(logging.CRITICAL + 1)

FOREIGN = (asyncssh.Error, OSError, EOFError, ValueError)
"""What a call of the library may raise because of its server. `ValueError`: an answer that cannot be decoded."""

_ABSENT = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)
_FORBIDDEN = (asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect)
_FULL = (asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded)
_AWAY = (asyncssh.SFTPNoConnection, asyncssh.SFTPConnectionLost, asyncssh.SFTPBadMessage, asyncssh.SFTPLockConflict)


class HostKeyRefused(Refused):
    """The server's key is not the one that was given, or none was given; nothing was sent to it."""

    code = "host_key"


class TimedOut(Unavailable):
    """The step's own time is over."""

    code = "timed_out"


def of_login(error: Exception, *, username: str) -> HengioError:
    """The error of a connection that did not come about."""
    match error:
        case asyncssh.PermissionDenied():
            hint = "check user and password or key, and which of them the server accepts"
            return Forbidden(f"the server refused the login of {username}", hint=hint)
        case asyncssh.KeyExchangeFailed() | asyncssh.ProtocolNotSupported():
            return Refused("the server speaks no version or algorithm of SSH that is safe to use")
        case asyncssh.ChannelOpenError():
            return Refused("the server offers no SFTP", hint="the account may not have been given it")
        case _:
            return Unavailable(f"the connection failed: {_reason(error)}")


def of_request(error: Exception, *, what: str, moving: bool = False) -> HengioError:
    """The error of one request; `what` says which (`open /in/a.csv`).

    Version 3 of the protocol has one word, failure, for a full disk and for a name that is taken: while data moves
    (`moving`) it is the former and may pass.
    """
    match error:
        case _ if isinstance(error, _ABSENT):
            return NotFound(f"cannot {what}: there is no such file or folder on the server")
        case _ if isinstance(error, _FORBIDDEN):
            return Forbidden(f"cannot {what}: the server does not permit it")
        case _ if isinstance(error, _FULL):
            return Unavailable(f"cannot {what}: the server has no space left")
        case _ if isinstance(error, _AWAY) or not isinstance(error, asyncssh.SFTPError):
            return Unavailable(f"cannot {what}: {_reason(error)}")
        case asyncssh.SFTPFailure() if moving:
            return Unavailable(f"cannot {what}: the server reports a failure")
        case _:
            kind = type(error).__name__.removeprefix("SFTP")
            return Refused(f"cannot {what}: the server refuses it ({kind})")


def _reason(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "the server did not answer in time"
        case ConnectionRefusedError():
            return "nothing listens there"
        case asyncssh.ConnectionLost() | asyncssh.SFTPConnectionLost() | ConnectionError() | EOFError():
            return "the connection was lost"
        case asyncssh.SFTPBadMessage() | asyncssh.ProtocolError() | asyncssh.MACError() | ValueError():
            return "the server's answer cannot be understood"
        case OSError():
            return error.strerror or type(error).__name__
        case _:
            return f"the server ended it ({type(error).__name__})"
