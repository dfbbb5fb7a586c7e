"""Each parser of foreign input under atheris for a few seconds: it raises only its documented errors."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not installed: uv sync --group fuzz"),
]

NAMES = ["sse", "message", "www_authenticate", "oauth_document", "record", "configuration"]
SEEDS = {
    "sse": [b"event: x\r\nid: 1\ndata: a\rdata\n\n: c\n\nretry: 5\n\n"],
    "message": [
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\\ud800"}}',
        b'[{"id":"\\u0031","result":{"tools":[]}}]',
        b'{"id":1,"error":{"code":401,"data":{"www_authenticate":"Bearer"}}}',
    ],
    "www_authenticate": [b'Bearer realm="a\\"b", error=x, DPoP algs="ES256"'],
    "oauth_document": [b'\0{"resource":"a","authorization_servers":[]}', b'\4{"error":"invalid_grant"}'],
    "configuration": [
        b'[servers.x]\nurl = "https://x.example/mcp"\nauth = { kind = "none" }\n[store]\nkind = "memory"\n'
    ],
}


@pytest.mark.parametrize("name", NAMES)
def test_a_parser_raises_only_its_documented_errors(tmp_path: Path, name: str) -> None:
    for number, seed in enumerate(SEEDS.get(name, [])):
        (tmp_path / f"seed{number}").write_bytes(seed)
    target = Path(__file__).with_name("targets.py")
    options = [str(tmp_path), "-max_total_time=2", "-timeout=5", f"-artifact_prefix={tmp_path}/", "-close_fd_mask=1"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, str(target), name, *options]
    played = subprocess.run(command, check=False, env=environment, capture_output=True, timeout=110)
    assert played.returncode == 0, played.stderr.decode(errors="replace")[-3000:]
