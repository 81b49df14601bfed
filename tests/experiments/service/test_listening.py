"""Addresses of servers, with those that cannot be had."""

import socket

import pytest

from coverfusion.data.errors import UserError
from coverfusion.experiments.service.listening import bound_socket


def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=f"--port {port}: Address already in use. Choose another port"):
            bound_socket("127.0.0.1", port)
    bound_socket("127.0.0.1", port).close()


def test_nobody_is_let_in_before_the_server_listens() -> None:
    with bound_socket("127.0.0.1", 0) as held, pytest.raises(ConnectionRefusedError):
        socket.create_connection(held.getsockname(), timeout=1)


def test_a_host_of_another_machine_is_said() -> None:
    for host in ("192.0.2.1", "no such host"):
        with pytest.raises(UserError, match=f"--host {host}"):
            bound_socket(host, 0)
