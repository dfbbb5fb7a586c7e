"""The rules of the verdict about the MCP server's OAuth, as data (`rules.py`).

The order is that of a login: finding the authorization server, its metadata, its endpoints, the client there.
"""

from mcp_auth_bridge.doctor.oauth import operator_texts
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.verdict import SEND_TO_OPERATOR, Blame, Rule

OAUTH = (
    Rule(
        (Symptom.METADATA_WALLED,),
        Blame.SERVER,
        "a firewall in front of {host} answers programs with a web page (HTTP 403), so that no program can find out"
        " where to log in",
        SEND_TO_OPERATOR,
        operator_texts.METADATA_WALLED,
    ),
    Rule(
        (Symptom.METADATA_ELSEWHERE,),
        Blame.SERVER,
        "{server} says that its login is described on another host, at {named}, where a program must not follow it",
        SEND_TO_OPERATOR,
        operator_texts.METADATA_ELSEWHERE,
    ),
    Rule(
        (Symptom.METADATA_MOVED,),
        Blame.SERVER,
        "{server} redirects a program that asks where to log in to another host, {location}, where it must not follow",
        'if you know that logins belong there, add issuer = "{issuer}" under auth for this server; else '
        + SEND_TO_OPERATOR,
        operator_texts.METADATA_MOVED,
    ),
    Rule(
        (Symptom.METADATA_GUARDED,),
        Blame.SERVER,
        "{server} redirects a program that asks where to log in to {location}, which is probably a sign-in page for"
        " people",
        SEND_TO_OPERATOR,
        operator_texts.METADATA_GUARDED,
    ),
    Rule(
        (Symptom.NO_METADATA,),
        Blame.SERVER,
        "{server} wants credentials, but does not say where to log in",
        "if its documentation describes a token or an API key, set that under auth for this server; else "
        + SEND_TO_OPERATOR,
        operator_texts.NO_METADATA,
    ),
    Rule(
        (Symptom.METADATA_FAILING,),
        Blame.SERVER,
        "{server} fails when a program asks it where to log in: {place} answers {answer}",
        "try again later; if this persists, " + SEND_TO_OPERATOR,
        operator_texts.METADATA_FAILING,
    ),
    Rule(
        (Symptom.RESOURCE_MALFORMED,),
        Blame.SERVER,
        "the description of the login that {server} publishes has a mistake, so that no program can read it: {problem}",
        SEND_TO_OPERATOR,
        operator_texts.RESOURCE_MALFORMED,
    ),
    Rule(
        (Symptom.RESOURCE_FOREIGN,),
        Blame.SERVER,
        "the description of the login that {server} publishes is for another resource, {resource}, so that a program"
        " must not use it",
        'if you know that this is right, add resource = "{named}" under auth for this server; else ' + SEND_TO_OPERATOR,
        operator_texts.RESOURCE_FOREIGN,
    ),
    Rule(
        (Symptom.NO_AUTHORIZATION_SERVER,),
        Blame.SERVER,
        "{server} describes its login, but does not name the server where people log in",
        SEND_TO_OPERATOR,
        operator_texts.NO_AUTHORIZATION_SERVER,
    ),
    Rule(
        (Symptom.ISSUER_DIFFERS,),
        Blame.YOU,
        "you have configured the issuer {configured}, but {server} accepts only logins at {named}",
        "correct issuer under auth for this server",
    ),
    Rule(
        (Symptom.ISSUER_REFUSED,),
        Blame.SERVER,
        "{server} sends its users to a login that cannot be used from here: {error}",
        SEND_TO_OPERATOR,
        operator_texts.ISSUER_REFUSED,
    ),
    Rule(
        (Symptom.AUTHORIZATION_SERVER_DOWN,),
        Blame.AUTHORIZATION_SERVER,
        "{server} works, but the server where people log in, {issuer}, does not: {error}",
        "try again later; if this persists, tell its operator",
    ),
    Rule(
        (Symptom.AUTHORIZATION_SERVER_UNREACHED,),
        Blame.NETWORK,
        "{server} can be reached, but not the server where people log in, {issuer}: {error}",
        "turn your VPN on, or try another network; if you are in your company's network, ask its IT department to let"
        " connections to that server pass",
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
        "the server where people log in goes by two names: at {issuer}, it calls itself {named}."
        " A program must not log in there, because one of them may be an impostor",
        SEND_TO_OPERATOR,
        operator_texts.WRONG_ISSUER,
    ),
    Rule(
        (Symptom.ISSUER_WALLED,),
        Blame.AUTHORIZATION_SERVER,
        "a firewall in front of {host}, where people log in, answers programs with a web page (HTTP 403), so that no"
        " program can find out how to log in there",
        SEND_TO_OPERATOR,
        operator_texts.METADATA_WALLED,
    ),
    Rule(
        (Symptom.NO_SERVER_METADATA,),
        Blame.AUTHORIZATION_SERVER,
        "the server where people log in to {server}, {issuer}, does not publish how programs log in there",
        "if its documentation names the endpoints, set issuer, authorization_endpoint and token_endpoint under auth for"
        " this server; else " + SEND_TO_OPERATOR,
        operator_texts.NO_SERVER_METADATA,
    ),
    Rule(
        (Symptom.ENDPOINT_UNNAMED,),
        Blame.AUTHORIZATION_SERVER,
        "the server where people log in, {issuer}, does not publish its {member}, so that a login cannot begin",
        SEND_TO_OPERATOR,
        operator_texts.ENDPOINT_UNNAMED,
    ),
    Rule(
        (Symptom.ISSUER_MALFORMED,),
        Blame.AUTHORIZATION_SERVER,
        "the description that the server where people log in publishes has a mistake, so that no program can read it:"
        " {problem}",
        SEND_TO_OPERATOR,
        operator_texts.ISSUER_MALFORMED,
    ),
    Rule(
        (Symptom.NO_S256,),
        Blame.AUTHORIZATION_SERVER,
        "the server where people log in, {issuer}, does not say that it protects a login against theft (PKCE with"
        " S256), which every MCP client has to insist on",
        'if its documentation says that it supports S256, set pkce = "S256" under auth for this server; else '
        + SEND_TO_OPERATOR,
        operator_texts.NO_S256,
    ),
    Rule(
        (Symptom.ENDPOINT_REFUSED,),
        Blame.AUTHORIZATION_SERVER,
        "the login of {server} leads to an address that cannot be used: {error}",
        SEND_TO_OPERATOR,
        operator_texts.ENDPOINT_REFUSED,
    ),
    Rule(
        (Symptom.CLIENT_DIFFERS,),
        Blame.YOU,
        "the client_id that you have configured belongs to {configured}, but the login of {server} is at {named}",
        "set the client_id and the issuer of a client there, under auth for this server",
    ),
    Rule(
        (Symptom.ENDPOINT_WALLED,),
        Blame.AUTHORIZATION_SERVER,
        "a firewall in front of {host} answers programs with a web page (HTTP 403) in place of {what}",
        SEND_TO_OPERATOR,
        operator_texts.ENDPOINT_WALLED,
    ),
    Rule(
        (Symptom.ENDPOINT_MISSING,),
        Blame.AUTHORIZATION_SERVER,
        "{what} is not at the address that the authorization server publishes: {place} answers {answer}",
        SEND_TO_OPERATOR,
        operator_texts.ENDPOINT_MISSING,
    ),
    Rule(
        (Symptom.ENDPOINT_MOVED,),
        Blame.AUTHORIZATION_SERVER,
        "{what} has moved from {place}, the address that the authorization server publishes, to {location}, and a"
        " program must not send secrets after it",
        SEND_TO_OPERATOR,
        operator_texts.ENDPOINT_MOVED,
    ),
    Rule(
        (Symptom.ENDPOINT_DOWN,),
        Blame.AUTHORIZATION_SERVER,
        "{what} of the server where people log in does not work ({place}: {answer})",
        "try again later; if this persists, tell its operator",
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
