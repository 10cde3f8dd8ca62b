"""The types of resources that WASI preview 2 has, and the number by which the engine knows each."""

from __future__ import annotations

RESOURCES = {
    name: number
    for number, name in enumerate(
        (
            "pollable", "input-stream", "output-stream", "error", "terminal-input", "terminal-output", "descriptor",
            "directory-entry-stream", "network", "tcp-socket", "udp-socket", "incoming-datagram-stream",
            "outgoing-datagram-stream", "resolve-address-stream",
        ),
        start=1,
    )
}  # fmt: skip
"""By name, in whichever interface it stands."""
POLLABLE, INPUT, OUTPUT = RESOURCES["pollable"], RESOURCES["input-stream"], RESOURCES["output-stream"]
NETWORK = RESOURCES["network"]
