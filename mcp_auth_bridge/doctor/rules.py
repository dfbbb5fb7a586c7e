"""The rules of the verdict, as data: symptoms → whose fault it is, and the one next step.

The first rule that fits counts. So the blocks follow the path of a request, because the first fault on that path hides
or causes the later ones: here, on the way, at the server, in its OAuth, with the credential, in the client.
"""

from mcp_auth_bridge.doctor import operator_texts, server_rules
from mcp_auth_bridge.doctor.symptoms import Symptom
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

_SEND = "send its operator the text that this command prints: {doctor} --for-operator"

_OAUTH = (
    Rule(
        (Symptom.METADATA_WALLED,),
        Blame.SERVER,
        "a firewall in front of {host} answers programs with a web page (HTTP 403), so that no program can find out"
        " where to log in",
        _SEND,
        operator_texts.METADATA_WALLED,
    ),
    Rule(
        (Symptom.METADATA_ELSEWHERE,),
        Blame.SERVER,
        "{server} says that its login is described at {named}, which is on another host, and a program must not follow"
        " it there",
        _SEND,
        operator_texts.METADATA_ELSEWHERE,
    ),
    Rule(
        (Symptom.NO_METADATA,),
        Blame.SERVER,
        "{server} wants credentials, but does not say where to log in. Perhaps it wants a token or an API key that its"
        " documentation describes; then set that under auth for this server",
        _SEND,
        operator_texts.NO_METADATA,
    ),
    Rule(
        (Symptom.RESOURCE_FOREIGN,),
        Blame.SERVER,
        "the description of the login that {server} publishes is for another server: {resource}",
        'if you know that this is right, add resource = "{named}" under auth for this server; else ' + _SEND,
        operator_texts.RESOURCE_FOREIGN,
    ),
    Rule(
        (Symptom.NO_AUTHORIZATION_SERVER,),
        Blame.SERVER,
        "{server} describes its login, but does not name the server that people log in at",
        _SEND,
        operator_texts.NO_AUTHORIZATION_SERVER,
    ),
    Rule(
        (Symptom.ISSUER_DIFFERS,),
        Blame.YOU,
        "you have configured the issuer {configured}, but {server} takes logins of {named} only",
        "correct issuer under auth for this server",
    ),
    Rule(
        (Symptom.ISSUER_REFUSED,),
        Blame.SERVER,
        "{server} sends its users to a login that cannot be used from here: {error}",
        _SEND,
        operator_texts.ISSUER_REFUSED,
    ),
    Rule(
        (Symptom.AUTHORIZATION_SERVER_DOWN,),
        Blame.AUTHORIZATION_SERVER,
        "{server} works, but the server where people log in, {issuer}, does not: {error}",
        "try again later; if it keeps happening, tell its operator",
    ),
    Rule(
        (Symptom.ISSUER_TEMPLATE,),
        Blame.SERVER,
        "{server} names {issuer} for its login, which stands for the accounts of every company, and not for one",
        'add issuer = "https://login.microsoftonline.com/TENANT/v2.0" under auth for this server, with the ID of your'
        " tenant",
        operator_texts.ISSUER_TEMPLATE,
    ),
    Rule(
        (Symptom.WRONG_ISSUER,),
        Blame.AUTHORIZATION_SERVER,
        "the server where people log in goes by two names: {issuer} was asked, and {named} is what it calls itself."
        " A program must not log in there, because one of them may be an impostor",
        _SEND,
        operator_texts.WRONG_ISSUER,
    ),
    Rule(
        (Symptom.NO_SERVER_METADATA,),
        Blame.AUTHORIZATION_SERVER,
        "the server where people log in to {server}, {issuer}, does not publish how programs log in there",
        "if its documentation names the endpoints, set issuer, authorization_endpoint and token_endpoint under auth for"
        " this server; else " + _SEND,
        operator_texts.NO_SERVER_METADATA,
    ),
    Rule(
        (Symptom.ENDPOINT_UNNAMED,),
        Blame.AUTHORIZATION_SERVER,
        "the server where people log in, {issuer}, does not publish its {member}, so that a login cannot begin",
        _SEND,
        operator_texts.ENDPOINT_UNNAMED,
    ),
    Rule(
        (Symptom.NO_S256,),
        Blame.AUTHORIZATION_SERVER,
        "the server where people log in, {issuer}, does not say that it protects a login against theft (PKCE with"
        " S256), which every MCP client has to insist on",
        'if its documentation says that it supports S256, set pkce = "S256" under auth for this server; else ' + _SEND,
        operator_texts.NO_S256,
    ),
    Rule(
        (Symptom.ENDPOINT_REFUSED,),
        Blame.AUTHORIZATION_SERVER,
        "the login of {server} leads to an address that cannot be used: {error}",
        _SEND,
        operator_texts.ENDPOINT_REFUSED,
    ),
    Rule(
        (Symptom.CLIENT_DIFFERS,),
        Blame.YOU,
        "the client_id that you have configured belongs to {configured}, but {server} has its logins at {named}",
        "set the client_id and the issuer of a client there, under auth for this server",
    ),
    Rule(
        (Symptom.ENDPOINT_WALLED,),
        Blame.AUTHORIZATION_SERVER,
        "a firewall in front of {host} answers programs with a web page (HTTP 403) in place of {what}",
        _SEND,
        operator_texts.ENDPOINT_WALLED,
    ),
    Rule(
        (Symptom.ENDPOINT_MISSING,),
        Blame.AUTHORIZATION_SERVER,
        "{what} is not at the address that the authorization server publishes: {place} answers {answer}",
        _SEND,
        operator_texts.ENDPOINT_MISSING,
    ),
    Rule(
        (Symptom.ENDPOINT_MOVED,),
        Blame.AUTHORIZATION_SERVER,
        "{what} has moved from {place}, the address that the authorization server publishes, to {location}, and a"
        " program must not send secrets after it",
        _SEND,
        operator_texts.ENDPOINT_MOVED,
    ),
    Rule(
        (Symptom.ENDPOINT_DOWN,),
        Blame.AUTHORIZATION_SERVER,
        "{what} of the server where people log in does not work: {place}: {answer}",
        "try again later; if it keeps happening, tell its operator",
    ),
    Rule(
        (Symptom.REGISTRATION_REFUSED,),
        Blame.AUTHORIZATION_SERVER,
        "the server where people log in does not let this program register: {error}",
        "{hint}",
    ),
    Rule(
        (Symptom.TOKEN_NOT_ISSUED,),
        Blame.YOU,
        "the authorization server issues no token for what you have configured: {error}",
        "{hint}",
    ),
    Rule(
        (Symptom.NO_REGISTRATION,),
        Blame.YOU,
        "the server where people log in, {issuer}, does not let programs register by themselves, so you have to"
        " register one there: {advice}, with the redirect URI {callback}",
        "put its client_id into the configuration of this server: {settings}",
        operator_texts.NO_REGISTRATION,
    ),
    Rule(
        (Symptom.ISSUER_CHANGED,),
        Blame.SERVER,
        "{server} has moved its logins from {last} to {issuer}, where you have not logged in yet",
        "if you trust the new place, run: {login} {options}",
    ),
)
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
        "correct that line, and start {client} again",
    ),
    Rule(
        (Symptom.ENTRY_COMMAND_MISSING,),
        Blame.YOU,
        "the entry for {server} in {client} starts {command}, and there is no such program",
        'in {file}, write as the command: "{path}"',
    ),
    Rule(
        (Symptom.ENTRY_COMMAND_HIDDEN,),
        Blame.IDE,
        "{client} looks for programs in fewer folders than your terminal, and {command} is in none of them",
        'in {file}, write the full path as the command: "{path}"',
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

RULES = (*_BRIDGE, *_HERE, *WAY, *server_rules.RULES, *_OAUTH, *_CREDENTIAL, *_CLIENT, *LATER)
