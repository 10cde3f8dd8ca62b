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


def denied(grant: Grant, *, left_out: bool) -> Answered:
    """A denial; it names the grant that would allow the request, and who would have to give it: an administrator to the
    module, or, where that was done and the step's `permissions` left it out, the author of the job."""
    where = "not in the step's `permissions`" if left_out else "not granted to the module"
    message = f"this needs the permission {grant.permission} on {grant.resource}, which is {where}"
    reply = refusal(Status.PERMISSION_DENIED, message)[1]
    return Answered(status=Status.PERMISSION_DENIED, reply=reply, denied=grant, left_out=left_out)
