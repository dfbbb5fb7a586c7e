"""The whole program without a network, and in one where all packets disappear: it ends, with a verdict."""

import subprocess

import pytest
from namespaces import behind_a_black_hole, without_network
from program import command

PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


def examined(within, home, url, environ):
    done = subprocess.run(
        [*within, command(), "doctor", url], env={"PATH": PATH, "HOME": str(home)} | environ,
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stdout + done.stderr
    assert done.returncode == 16, done.stderr
    return " ".join(done.stdout[done.stdout.rindex("\nverdict\n") :].split())


@pytest.mark.parametrize(
    ("url", "environ"),
    [
        ("https://acme.example/mcp", {}),
        ("https://93.184.216.34/mcp", {}),
        ("https://[2606:2800:220::1]/mcp", {}),
        ("http://localhost:8000/mcp", {}),
        ("https://acme.example/mcp", {"HTTPS_PROXY": "http://proxy.example:3128"}),
        ("https://acme.example/mcp", {"HTTPS_PROXY": "http://10.0.0.1:3128"}),
    ],
)
def test_without_a_network_the_network_is_at_fault(url, environ, tmp_path):
    verdict = examined(without_network(), tmp_path, url, environ)
    assert verdict.startswith("verdict fault: your network this machine has no network"), verdict


@pytest.mark.parametrize(
    ("url", "environ", "sentence"),
    [
        ("https://acme.example/mcp", {}, "the address of acme.example cannot be found"),
        ("https://93.184.216.34/mcp", {}, "connections to 93.184.216.34 disappear"),
        ("https://acme.example/mcp", {"HTTPS_PROXY": "http://10.0.0.1:3128"}, "requests have to go through the proxy"),
    ],
)
def test_where_all_packets_disappear_the_network_is_at_fault(url, environ, sentence, tmp_path):
    verdict = examined(behind_a_black_hole(tmp_path / "resolv.conf"), tmp_path, url, environ)
    assert verdict.startswith(f"verdict fault: your network {sentence}"), verdict
