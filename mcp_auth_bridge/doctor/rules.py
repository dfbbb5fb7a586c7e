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

_CREDENTIAL = (
    Rule(
        (Symptom.WANTS_CREDENTIALS, Symptom.NO_LOGIN),
        Blame.YOU,
        "{server} wants a login, and you are not logged in",
        "run: {login}",
    ),
)

_CLIENT = (
    Rule(
        (Symptom.ENTRY_FILE_INVALID,),
        Blame.YOU,
        "{file}, from which {client} reads its servers, is not valid: {error}",
        "correct that line, then {reload}",
    ),
    Rule(
        (Symptom.ENTRY_COMMAND_MISSING,),
        Blame.YOU,
        "the entry for {server} in {client} starts {command}, and there is no such program",
        'in {file}, write as the command "{path}", then {reload}',
    ),
    Rule(
        (Symptom.ENTRY_COMMAND_HIDDEN,),
        Blame.IDE,
        "{client} looks for programs in fewer folders than your terminal, and {command} is in none of them",
        'in {file}, write the full path as the command: "{path}", then {reload}',
    ),
    Rule(
        (Symptom.ENTRY_UNEXPANDED,),
        Blame.YOU,
        "the entry for {server} in {client} uses {variable}, which {client} does not replace by its value",
        'in {file}, leave the variable out, and refer to the secret as "env:NAME", "file:PATH" or "keyring:NAME"',
    ),
    Rule(
        (Symptom.ENTRY_PLACEHOLDER,),
        Blame.YOU,
        "the value of {name} was never filled in, in the entry for {server} in {client}",
        "in {file}, write the real value of {name}",
    ),
    Rule(
        (Symptom.ENTRY_LACKS_VARIABLE,),
        Blame.IDE,
        "{client} does not pass {variable} on to the bridge, so it works in your terminal and not there",
        'in {file}, add {variable} to the entry, or keep a secret elsewhere: "file:PATH" or "keyring:NAME"',
    ),
    Rule(
        (Symptom.ENTRY_FAILS,),
        Blame.YOU,
        "the entry for {server} in {client} does not work: {error}",
        "correct the entry in {file}",
    ),
    Rule(
        (Symptom.ENTRY_SLOW,),
        Blame.YOU,
        "the entry for {server} in {client} may download the bridge at each start, and was not ready after {seconds} s",
        'in {file}, write as the command the installed program: "{path}"',
    ),
    Rule(
        (Symptom.ENTRY_DISABLED,),
        Blame.YOU,
        "the entry for {server} in {client} is switched off",
        "switch it on in {client}, or in {file}",
    ),
    Rule(
        (Symptom.ENTRY_OF_ANOTHER_URL,),
        Blame.YOU,
        "{client} has an entry for {other}, which is not {url}",
        "correct it in {file}, or if it is the right one, look at it: mcp-auth-bridge doctor {other}",
    ),
    Rule(
        (Symptom.ENTRY_HOLDS_SECRET,),
        Blame.YOU,
        "everyone who can read {file} learns the secret {name}, which is there in plain text",
        'keep it elsewhere: write "env:NAME", "file:PATH" or "keyring:NAME" in its place',
    ),
)

RULES = (*_BRIDGE, *_HERE, *_WAY, *_SERVER, *_OAUTH, *_CREDENTIAL, *_CLIENT)
