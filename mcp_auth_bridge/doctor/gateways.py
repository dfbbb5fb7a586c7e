"""The proxies and load balancers in front of servers, by the names that they give themselves."""

from mcp_auth_bridge.doctor.answer import Answer

_GATEWAYS = {
    "nginx": "nginx",
    "openresty": "nginx",
    "cloudflare": "Cloudflare",
    "awselb": "a load balancer of AWS",
    "cloudfront": "Amazon CloudFront",
    "envoy": "Envoy",
    "istio": "Envoy",
    "haproxy": "HAProxy",
    "caddy": "Caddy",
    "akamai": "Akamai",
    "google frontend": "a load balancer of Google",
    "vercel": "Vercel",
    "fly/": "Fly.io",
    "heroku": "Heroku",
    "squid": "the proxy Squid",
}
"""What `Server` and `Via` begin with or hold, and the name of that proxy or load balancer."""


def gateway(answer: Answer) -> str:
    """The proxy or load balancer that answered, as far as it says so."""
    named = f"{answer.field('server')} {answer.field('via')}".lower()
    return next((name for sign_, name in _GATEWAYS.items() if sign_ in named), "a proxy")
