"""The rules of the verdict, as data: symptoms → whose fault it is, and the one next step.

The first rule that fits counts. So the blocks follow the path of a request, because the first fault on that path hides
or causes the later ones: here, on the way, at the server, in its OAuth, with the credential, in the client.
"""

from mcp_auth_bridge.doctor.credential_rules import CREDENTIAL_RULES
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.verdict import Blame, Rule

_BRIDGE = (
    Rule(
        (Symptom.BRIDGE_FAULT,),
        Blame.BRIDGE,
        "the bridge itself has a fault: {error}",
        "report it, with the file that this command writes: {doctor} --bundle report.json",
    ),
)

_HERE = (Rule((Symptom.CONFIG_UNREADABLE,), Blame.YOU, "the configuration cannot be used: {error}", "{hint}"),)

_WAY = (
    Rule(
        (Symptom.NAME_UNKNOWN,),
        Blame.YOU,
        "no name server knows the host {host}, so its name is misspelt, or it is known only inside a network that this"
        " machine is not in",
        "check the URL, and turn your VPN on",
    ),
)

_SERVER = (
    Rule(
        (Symptom.NOT_MCP,),
        Blame.YOU,
        "there is no MCP server at {url}: it answers with HTTP {status}",
        "check the path of the URL in the server's documentation: most servers speak MCP only at /mcp",
    ),
)

_OAUTH: tuple[Rule, ...] = ()

_CLIENT: tuple[Rule, ...] = ()

RULES = (*_BRIDGE, *_HERE, *_WAY, *_SERVER, *_OAUTH, *CREDENTIAL_RULES, *_CLIENT)
