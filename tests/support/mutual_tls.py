"""A server that wants a client certificate. asyncio's would drop its alert."""

import contextlib
import socket
import ssl
import threading


def strict_server(version, authority, connections=1):
    """A TLS server in a thread, for a number of connections: it wants a client certificate. Returns its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = version
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        with listener:
            for _ in range(connections):
                with listener.accept()[0] as raw:
                    refuse(context, raw)

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


def refuse(context, raw):
    tls = context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
    with contextlib.suppress(OSError):
        tls.do_handshake()
    with socket.socket(fileno=tls.detach()) as rest, contextlib.suppress(OSError):
        while rest.recv(1 << 16):  # unread bytes would turn the end into a reset, and that overtakes the alert
            pass
