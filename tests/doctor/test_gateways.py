"""A proxy is named as it names itself."""

import pytest
from answering import answer

from mcp_auth_bridge.doctor.gateways import gateway


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"server": "awselb/2.0"}, "a load balancer of AWS"),
        ({"server": "istio-envoy"}, "Envoy"),
        ({"server": "uvicorn"}, "a proxy"),
        ({}, "a proxy"),
    ],
)
def test_a_proxy_is_named_if_it_names_itself(fields, name):
    assert gateway(answer(502, fields=fields)) == name
