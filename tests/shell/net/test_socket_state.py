"""What a socket and a TLS layer say about their other side, before a byte is read."""

import contextlib
import socket
import ssl
import sys

import pytest
import trustme

from mcp_auth_bridge.shell.net.socket_state import Receipt, is_orderly_end, readable_check, reset_at_end


def test_bytes_and_an_end_are_seen_and_silence_is_not():
    near, far = socket.socketpair()
    with near:
        is_readable = readable_check(near)
        assert not is_readable()
        far.send(b"x")
        assert is_readable()
        near.recv(1)
        assert not is_readable()
        far.close()
        assert is_readable()


def connected():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return socket.create_connection(listener.getsockname()), listener.accept()[0]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which bytes were acknowledged")
def test_bytes_that_the_peer_has_received_are_acknowledged_and_those_after_its_end_are_not():
    near, far = connected()
    with near, far:
        receipt = Receipt(near)
        assert not receipt.is_missing()
        receipt.expect()
        near.sendall(b"12345")
        far.sendall(far.recv(5))
        assert near.recv(5) == b"12345"
        assert not receipt.is_missing()
        receipt.expect()
        far.shutdown(socket.SHUT_RDWR)
        near.sendall(b"6")
        assert near.recv(1) == b""
        assert receipt.is_missing()
        receipt.forget()
        assert not receipt.is_missing()
        receipt.expect()
    receipt.expect()
    assert not receipt.is_missing()  # the socket is closed, and does not tell any more


def test_another_system_does_not_tell(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    near, far = connected()
    with near, far:
        receipt = Receipt(near)
        receipt.expect()
        assert not receipt.is_missing()


def test_a_peer_that_is_sending_notices_a_reset_at_once():
    near, far = connected()
    with far:
        reset_at_end(near)
        near.close()
        with pytest.raises(ConnectionError):
            far.recv(1)
    reset_at_end(near)  # it has ended already


def test_every_end_over_plain_tcp_is_orderly():
    assert is_orderly_end(None)


def handshaken():
    """Both sides of a TLS connection in memory, after the handshake: two objects, and what each sends the other."""
    authority = trustme.CA()
    here, there = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.configure_trust(here)
    authority.issue_cert("mcp.test").configure_cert(there)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = here.wrap_bio(to_client, to_server, server_hostname="mcp.test")
    server = there.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server):
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    return client, server


def test_over_tls_only_close_notify_is_an_orderly_end():
    client, server = handshaken()
    assert not is_orderly_end(client)
    with contextlib.suppress(ssl.SSLWantReadError):  # it has sent its close_notify, and waits for the other one
        server.unwrap()
    assert is_orderly_end(client)
