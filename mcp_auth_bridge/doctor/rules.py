"""The rules of the verdict, as data: symptoms → whose fault it is, and the one next step.

The first rule that fits counts. So the blocks follow the path of a request, because the first fault on that path hides
or causes the later ones: here, on the way, at the server, in its OAuth, with the credential, in the client.
"""

from mcp_auth_bridge.doctor.client.rules import CLIENT
from mcp_auth_bridge.doctor.credential.rules import CREDENTIAL
from mcp_auth_bridge.doctor.here.rules import HERE, MATTERS_TO_SOME
from mcp_auth_bridge.doctor.oauth.rules import OAUTH
from mcp_auth_bridge.doctor.server.rules import SERVER
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.verdict import Blame, Rule
from mcp_auth_bridge.doctor.way.rules import LATER, WAY
from mcp_auth_bridge.doctor.way.tls_rules import TLS

_BRIDGE = (
    Rule(
        (Symptom.BRIDGE_FAULT,),
        Blame.BRIDGE,
        "the bridge itself has a fault: {error}",
        "report it, with the file that this command writes: {doctor} --bundle report.json",
    ),
)

RULES = (*_BRIDGE, *HERE, *WAY, *TLS, *SERVER, *OAUTH, *MATTERS_TO_SOME, *CREDENTIAL, *CLIENT, *LATER)
