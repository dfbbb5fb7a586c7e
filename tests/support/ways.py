"""Ways to a server as a script gives them, for checks that look at one."""

from ipaddress import ip_address

import anyio

from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.once import Once
from mcp_auth_bridge.doctor.subject import Subject
from mcp_auth_bridge.doctor.way import Way
from mcp_auth_bridge.errors import TimedOut
from mcp_auth_bridge.shell.net.connect_errors import ConnectFailed
from mcp_auth_bridge.shell.net.reachability import Knock, Names
from mcp_auth_bridge.urls import Purpose, gate

NOW = 1_800_000_000.0  # 2027-01-15
URL = gate("https://acme.example/mcp", Purpose.SERVER)


def failed(fault, message="it failed"):
    return ConnectFailed(message, "mend it", fault=fault)


def silent(text):
    return Knock(ip_address(text), 3.0, TimedOut(f"{text} does not answer within 3 s"))


def knock(text, seconds=0.02, fault=None):
    return Knock(ip_address(text), seconds, failed(fault, f"{text} failed") if fault else None)


def way(url=URL, knocks=(), **more):
    """A way with the addresses at which `knocks` were made."""
    names = Names(tuple(each.address for each in knocks), 0.01)
    return Way(**{"url": url, "names": names, "knocks": tuple(knocks), "direct": "so", "now": NOW, **more})


def finding(check, way):
    """What `check` finds if the evidence has this `way`."""

    async def story():
        async def gone():
            return way

        evidence = Evidence(Subject(None))
        evidence.way = Once(gone)
        return await check(evidence)

    return anyio.run(story)


def signs(found):
    """The signs of a finding: each symptom's name with its facts."""
    return {each.symptom.name: dict(each.facts) for each in found.signs}
