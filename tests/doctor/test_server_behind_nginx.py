"""A Node server behind Debian's nginx, whose own error pages hide it: doctor says which of the two is at fault."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from examining import evidence_of, examined
from needs import found
from peer import ENVIRONMENT, PEERS, Peer
from pooling import CA, story

from mcp_auth_bridge.doctor.finding import Section
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.verdict import Blame

CONFIGURATION = """
daemon off; master_process off; pid nginx.pid; error_log stderr;
events {{}}
http {{
  access_log off; client_body_temp_path body; proxy_temp_path proxy;
  fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  large_client_header_buffers 4 1k;
  limit_req_zone $server_port zone=few:64k rate=5r/s;
  server {{
    listen 127.0.0.1:{port};
    location = /mcp {{ proxy_pass {node}; }}
    location = /down {{ proxy_pass http://127.0.0.1:{closed}; }}
    location = /slow {{ proxy_pass {node}; proxy_read_timeout 1s; }}
    location = /small {{ proxy_pass {node}; client_max_body_size 10; }}
    location = /walled {{ return 403; }}
    location = /limited {{ limit_req zone=few burst=4 nodelay; proxy_pass {node}; }}
    location = /old {{ return 301 https://new.example/mcp; }}
  }}
  server {{
    listen 127.0.0.1:{tls} ssl; ssl_certificate chain.pem; ssl_certificate_key key.pem;
  }}
}}
"""


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """The ports of an nginx, plain and with TLS."""
    nginx, node = found("nginx"), found("node")
    folder = tmp_path_factory.mktemp("nginx")
    backend = Peer([node, str(PEERS / "small_mcp_server.mjs")], folder / "node.log")
    port, tls, closed = free_ports(3)
    certificate = CA.issue_cert("127.0.0.1")
    (folder / "chain.pem").write_bytes(b"".join(part.bytes() for part in certificate.cert_chain_pems))
    (folder / "key.pem").write_bytes(certificate.private_key_pem.bytes())
    node_url = backend.url.removesuffix("/mcp")
    settings = CONFIGURATION.format(port=port, tls=tls, closed=closed, node=node_url)
    (folder / "nginx.conf").write_text(settings)
    with (folder / "nginx.log").open("wb") as log:
        process = subprocess.Popen(
            [nginx, "-p", str(folder), "-c", "nginx.conf"], env=ENVIRONMENT, stdin=subprocess.DEVNULL, stderr=log
        )
    try:
        wait_until_open(port, process, folder / "nginx.log")
        yield {"plain": port, "tls": tls}
    finally:
        process.terminate()
        process.wait()
        backend.stop()


def wait_until_open(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            continue
        return
    raise RuntimeError(f"nginx did not start:\n{log.read_text()}")


@story
async def test_a_sound_server_behind_it_is_sound(ports, tmp_path):
    findings, verdict = await examined(evidence_of(tmp_path, f"http://127.0.0.1:{ports['plain']}/mcp"), Section.SERVER)
    assert verdict.blame is Blame.NOTHING
    assert findings["content"].says == "1 tool"
    assert findings["transport"].says == "streamable HTTP, without a session id; replies come as JSON"


@pytest.mark.parametrize(
    ("path", "symptom", "verdict"),
    [
        ("down", Symptom.BAD_GATEWAY, (Blame.SERVER, "is down: nginx in front of it gets no valid response from it")),
        ("slow", Symptom.GATEWAY_TIMEOUT, (Blame.SERVER, "hangs or is too slow: nginx in front of it")),
        ("small", Symptom.BODY_TOO_LARGE, (Blame.SERVER, "nginx in front of it, refuses even the first message")),
        ("walled", Symptom.FORBIDDEN_BY_PAGE, (Blame.SERVER, "nginx in front of it, refuses the requests with a web")),
        ("nothing", Symptom.NOT_MCP, (Blame.YOU, "/nothing, but there is one at http")),
        ("old", Symptom.MOVED, (Blame.YOU, "redirects to https://new.example/mcp")),
    ],
)
@story
async def test_its_error_pages_are_understood(path, symptom, verdict, ports, tmp_path):
    evidence = evidence_of(tmp_path, f"http://127.0.0.1:{ports['plain']}/{path}")
    findings, found = await examined(evidence, Section.SERVER)
    assert findings["no credential"].signs[0].symptom is symptom, findings["no credential"]
    assert (found.blame, verdict[1] in found.sentence) == (verdict[0], True), found


@story
async def test_a_limit_that_only_an_examination_exceeds_is_not_a_fault(ports, tmp_path):
    evidence = evidence_of(tmp_path, f"http://127.0.0.1:{ports['plain']}/limited")
    findings, verdict = await examined(evidence, Section.SERVER)
    assert verdict.blame is Blame.NOTHING, findings


@story
async def test_headers_that_are_too_large_for_it_are_told_from_a_refused_token(ports, tmp_path):
    auth = '{ kind = "bearer", token = "env:TOKEN" }'
    url = f"http://127.0.0.1:{ports['plain']}/mcp"
    evidence = evidence_of(tmp_path, url, auth, environ={"TOKEN": "x" * 5000})
    findings, verdict = await examined(evidence, Section.SERVER)
    assert findings["credential"].signs[0].symptom is Symptom.HEADERS_TOO_LARGE
    assert "large_client_header_buffers" in verdict.operator


@story
async def test_plain_http_to_its_port_for_https_is_told(ports, tmp_path):
    _, verdict = await examined(evidence_of(tmp_path, f"http://127.0.0.1:{ports['tls']}/mcp"), Section.SERVER)
    assert verdict.blame is Blame.YOU
    assert "https" in verdict.step
