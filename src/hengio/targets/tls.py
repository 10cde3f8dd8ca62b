"""TLS to database servers: which certificate is good enough, and for which name, whatever address is connected to."""

from __future__ import annotations

import ssl
from typing import Any

from hengio.definition.server import Server
from hengio.errors import Refused


class _Named(ssl.SSLContext):
    """Asks for the server's own name when the connection goes to an address that was looked up before."""

    name: str

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        return super().wrap_bio(*args, **{**options, "server_hostname": self.name})


def context(server: Server, *, what: str) -> ssl.SSLContext | None:
    """How TLS is spoken with the server; None where the URL says `ssl=disable`. Raises `Refused` for `ssl_ca`.

    `prefer` and `require` take any certificate, `verify-ca` one of a trusted authority, `verify-full` one for the name.
    """
    if server.tls == "disable":
        return None
    made = _Named(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.name = server.host.rstrip(".")
    if not server.verified:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
        return made
    made.check_hostname = server.tls == "verify-full"
    try:
        made.load_verify_locations(server.ca) if server.ca else made.load_default_certs()
    except (OSError, ssl.SSLError):
        raise Refused(f"the URL of {what}: its ssl_ca is no file of certificates") from None
    return made
