"""The rules of the verdict, as data: symptoms → whose fault it is, and the one next step.

The first rule that fits counts. So the blocks follow the path of a request, because the first fault on that path hides
or causes the later ones: here, on the way, at the server, in its OAuth, with the credential, in the client.
"""

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

_HERE = (
    Rule((Symptom.CONFIG_UNREADABLE,), Blame.YOU, "the configuration cannot be used: {error}", "{hint}"),
    Rule((Symptom.SERVER_UNKNOWN,), Blame.YOU, "{error}", "{hint}"),
    Rule(
        (Symptom.CLOCK_WRONG,),
        Blame.YOU,
        "the clock of this machine is wrong, so every login seems to be expired or not valid yet: it is {skew} the"
        " clock of the server",
        "set the date, time and time zone of this machine, best automatically, then run: {doctor}",
    ),
    Rule(
        (Symptom.SERVER_CLOCK_WRONG,),
        Blame.SERVER,
        "the clock of {host} is wrong, so it takes valid tokens for expired ones, or for ones of the future: it is"
        " {skew} the clocks of this machine and of the authorization server",
        "ask the operator of {host} to set its clock",
        "the Date of your responses is {skew} the time: synchronise the clock of {host} (NTP), because it decides"
        " whether a token's exp and nbf are accepted",
    ),
    Rule(
        (Symptom.ISSUER_CLOCK_WRONG,),
        Blame.AUTHORIZATION_SERVER,
        "the clock of {host}, where you log in, is wrong, so the tokens that it issues count as expired, or as not"
        " valid yet: it is {skew} the clocks of this machine and of the MCP server",
        "ask the operator of {host} to set its clock",
        "the Date of your responses is {skew} the time: synchronise the clock of {host} (NTP), because it writes"
        " iat, nbf and exp into tokens",
    ),
    Rule((Symptom.SECRET_MISSING,), Blame.YOU, "{error}", "{hint}"),
    Rule((Symptom.STORE_CLOSED,), Blame.YOU, "your logins cannot be opened: {error}", "{hint}"),
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
    Rule(
        (Symptom.LOGIN_NOT_KEPT, Symptom.WANTS_CREDENTIALS),
        Blame.YOU,
        "you are not logged in, and a login could not be stored on this machine: {error}",
        "{hint}",
    ),
)

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

_CREDENTIAL = (
    Rule(
        (Symptom.WANTS_CREDENTIALS, Symptom.NO_LOGIN),
        Blame.YOU,
        "{server} wants a login, and you are not logged in",
        "run: {login}",
    ),
)

_CLIENT: tuple[Rule, ...] = ()

RULES = (*_BRIDGE, *_HERE, *_WAY, *_SERVER, *_OAUTH, *_CREDENTIAL, *_CLIENT)
