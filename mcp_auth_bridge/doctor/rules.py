"""The rules of the verdict, as data: symptoms → whose fault it is, and the one next step.

The first rule that fits counts. So the blocks follow the path of a request, because the first fault on that path hides
or causes the later ones: here, on the way, at the server, in its OAuth, with the credential, in the client.
"""

from mcp_auth_bridge.doctor import client_rules, oauth_rules, server_rules
from mcp_auth_bridge.doctor.credential_rules import CREDENTIAL_RULES
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.tls_rules import TLS
from mcp_auth_bridge.doctor.verdict import Blame, Rule
from mcp_auth_bridge.doctor.way_rules import LATER, WAY

_BRIDGE = (
    Rule(
        (Symptom.BRIDGE_FAULT,),
        Blame.BRIDGE,
        "the bridge itself has a fault: {error}",
        "report it, with the file that this command writes: {doctor} --bundle report.json",
    ),
)

_HERE = (
    Rule((Symptom.CONFIG_UNREADABLE,), Blame.YOU, "the configuration cannot be used: {error}", "{hint}"),
    Rule((Symptom.STORE_CLOSED,), Blame.YOU, "your logins cannot be opened: {error}", "{hint}"),
    Rule((Symptom.SERVER_UNKNOWN,), Blame.YOU, "{error}", "{hint}"),
    Rule(
        (Symptom.CLOCK_WRONG,),
        Blame.YOU,
        "the clock of this machine is wrong, so every login seems to be expired or not valid yet: it is {skew} the"
        " clock of the server",
        "set the date, time and time zone of this machine, preferably automatically, then run: {doctor}",
    ),
    Rule(
        (Symptom.SERVER_CLOCK_WRONG,),
        Blame.SERVER,
        "the clock of {host} is wrong, so it mistakes valid tokens for expired or future ones: it is"
        " {skew} the clocks of this machine and of the authorization server",
        "ask the operator of {host} to set its clock",
        "The Date of your responses is {skew} the correct time. Synchronise the clock of {host} (NTP), because it"
        " decides whether a token's exp and nbf are accepted",
    ),
    Rule(
        (Symptom.ISSUER_CLOCK_WRONG,),
        Blame.AUTHORIZATION_SERVER,
        "the clock of {host}, where you log in, is wrong, so the tokens that it issues count as expired, or as not"
        " valid yet: it is {skew} the clocks of this machine and of the MCP server",
        "ask the operator of {host} to set its clock",
        "The Date of your responses is {skew} the correct time. Synchronise the clock of {host} (NTP), because it"
        " writes iat, nbf and exp into tokens",
    ),
    Rule((Symptom.SECRET_MISSING,), Blame.YOU, "{error}", "{hint}"),
    Rule((Symptom.LOGIN_DAMAGED,), Blame.YOU, "your login cannot be opened: {error}", "{hint}"),
    Rule(
        (Symptom.FOLDER_UNUSABLE,),
        Blame.YOU,
        "a login can be neither stored nor renewed on this machine: {error}",
        "{hint}",
    ),
    Rule(
        (Symptom.LOCK_HELD,),
        Blame.YOU,
        "process {pid} is stopped in the middle of {what}, and every other bridge waits for it",
        "let it go on: kill -CONT {pid}",
    ),
)

_HERE_AND_THERE = (
    Rule(
        (Symptom.LOGIN_NOT_KEPT, Symptom.WANTS_CREDENTIALS, Symptom.NO_LOGIN),
        Blame.YOU,
        "{server} wants a login, but none could be stored on this machine: {error}",
        "{hint}",
    ),
    Rule(
        (Symptom.DEFAULT_CREDENTIAL, Symptom.REFUSES_CREDENTIAL),
        Blame.YOU,
        "the environment variable {variable} is not set, so {server} gets the default in the configuration"
        " instead, and refuses it",
        "set {variable} where mcp-auth-bridge is started, for example in the IDE's entry",
    ),
)
"""What is wrong on this machine, but matters only to a server that wants it otherwise."""

RULES = (
    *(*_BRIDGE, *_HERE, *WAY, *TLS, *server_rules.RULES, *oauth_rules.RULES),
    *(*_HERE_AND_THERE, *CREDENTIAL_RULES, *client_rules.RULES, *LATER),
)
