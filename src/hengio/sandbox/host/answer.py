"""What a host function answers: a status and the bytes that wait for `take_result` (ABI: Reactor)."""

from __future__ import annotations

from hengio import codec
from hengio.model.grant import Grant
from hengio.sandbox.protocol import Answered, Status

Answer = tuple[Status, bytes]


def refusal(status: Status, message: str) -> Answer:
    """The reply that goes with a status other than 0."""
    return status, codec.encode({"code": status.name.lower(), "message": message})


def answered(status: Status, message: str, *, wrote: bool = False) -> Answered:
    """The same for a request that reaches outside."""
    return Answered(status=status, reply=refusal(status, message)[1], wrote=wrote)


def denied(grant: Grant) -> Answered:
    """A denial; it names the grant that would allow the request."""
    message = f"this needs the permission {grant.permission} on {grant.resource}"
    return Answered(status=Status.PERMISSION_DENIED, reply=refusal(Status.PERMISSION_DENIED, message)[1], denied=grant)
