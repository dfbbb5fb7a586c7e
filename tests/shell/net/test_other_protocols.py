"""The first bytes of servers that do not speak HTTP/1.1."""

import pytest

from mcp_auth_bridge.errors import LimitExceeded
from mcp_auth_bridge.shell.net.other_protocols import is_http_2, is_tls_alert, other_protocol_error
from mcp_auth_bridge.shell.net.response_errors import Http2Only, NotHttp
from mcp_auth_bridge.shell.net.response_head import HEAD_LIMIT

SETTINGS = b"\0\0\x12\x04\0\0\0\0\0" + bytes(18)


@pytest.mark.parametrize("frame", [SETTINGS, b"\0\0\x08\x07\0\0\0\0\0" + bytes(8), b"\0\n\x12\x04\0\0\0\0\0"])
def test_a_frame_of_http_2_is_known_by_its_head(frame):
    assert is_http_2(frame)
    assert isinstance(other_protocol_error("mcp.test", frame), Http2Only)


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200 OK\r\n\r\n", SETTINGS[:8], b"\0\0\x12\x00\0\0\0\0\0"])
def test_other_bytes_are_no_frame(data):
    assert not is_http_2(data)


@pytest.mark.parametrize("data", [b"SSH-2.0-OpenSSH_9.6\r\n", b"220 mail", b"\r\n\r\n<html>", SETTINGS[:8]])
def test_the_greeting_of_another_protocol_is_not_http(data):
    assert isinstance(other_protocol_error("mcp.test", data), NotHttp)


@pytest.mark.parametrize("data", [b"", b"H", b"\r\nHTTP/", b"HTTP/1.1 200 OK\r\n"])
def test_what_may_become_a_response_is_no_error(data):
    assert other_protocol_error("mcp.test", data) is None


def test_a_head_without_end_is_too_large():
    assert isinstance(other_protocol_error("mcp.test", b"HTTP/1.1 200 OK\r\n" + b"x" * HEAD_LIMIT), LimitExceeded)


def test_an_alert_of_tls_is_known():
    assert is_tls_alert(b"\x15\x03\x01\0\x02\x02\x16")
    assert not is_tls_alert(b"HTTP/1.1 400 Bad Request\r\n\r\n")
