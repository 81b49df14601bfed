"""The address that a server will listen on, taken before anything slow is loaded."""

from __future__ import annotations

import socket

from coverfusion.data.errors import UserError


def bound_socket(host: str, port: int) -> socket.socket:
    """A TCP socket that holds the address and does not listen yet: nobody waits for what is not ready.

    Args:
        host: a name or an address.
        port: 0: any that is free.

    Raises:
        UserError: the port is taken or not allowed, or the host is not one of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UserError(f"--host {host}: {error.strerror}. Name an address of this machine.") from error
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(address)
    except OSError as error:
        made.close()
        raise UserError(f"--host {host} --port {port}: {error.strerror}. Choose another port.") from error
    return made
