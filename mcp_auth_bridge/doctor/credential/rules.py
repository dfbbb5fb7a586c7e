"""The rules of the verdict about the credential (`rules.py`)."""

from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.verdict import SEND_TO_OPERATOR, Blame, Rule

_SEND_THEM = "send the text that this prints: {doctor} --for-operator"

_LOGIN = (
    Rule(
        (Symptom.OTHER_ACCOUNT,),
        Blame.YOU,
        "you are logged in to {server} as {account}, and the configuration expects {expected}",
        "run: {login}",
    ),
    Rule(
        (Symptom.LOGIN_ENDED,),
        Blame.YOU,
        "your login to {server} has ended: {why}",
        "run: {login}",
        unless=(Symptom.SERVES_STRANGERS,),
    ),
    Rule(
        (Symptom.RENEWAL_REFUSED,),
        Blame.UNKNOWN,
        "the server where you logged in no longer renews your login to {server} ({reason})",
        "run: {login}",
        unless=(Symptom.SERVES_STRANGERS,),
    ),
    Rule(
        (Symptom.WANTS_CREDENTIALS, Symptom.NONE_CONFIGURED),
        Blame.YOU,
        '{server} wants credentials, and its settings say that there are none: auth = {{ kind = "none" }}',
        "leave that auth out of its settings to log in, or set the token or key that its documentation describes",
    ),
    Rule(
        (Symptom.CLIENT_FORGOTTEN,),
        Blame.AUTHORIZATION_SERVER,
        "{authority}, where you logged in, has forgotten this bridge, so it will not renew your login",
        "run: {login}",
        "{authority} has deleted a dynamically registered client whose refresh tokens were still in use. Keep a"
        " registration for as long as the tokens that belong to it.",
        unless=(Symptom.SERVES_STRANGERS,),
    ),
    Rule(
        (Symptom.WANTS_CREDENTIALS, Symptom.NO_LOGIN),
        Blame.YOU,
        "{server} wants a login, and you are not logged in",
        "run: {login}",
    ),
)

_FOR_ANOTHER = (
    Rule(
        (Symptom.TOKEN_OF_ANOTHER_SERVICE, Symptom.FROM_CONFIGURATION, Symptom.LOGIN_OFFERED),
        Blame.YOU,
        "{what} was made for another service, {host}, and {server} does not accept it, but offers a login",
        "{way}",
    ),
    Rule(
        (Symptom.TOKEN_OF_ANOTHER_SERVICE, Symptom.FROM_CONFIGURATION),
        Blame.YOU,
        "{what} was made for another service, {host}, and {server} does not accept it",
        "get a token that was made for {url}, then {remedy}; if its operator says that this one should work, "
        + _SEND_THEM,
        "Requests to {url} with a token of the issuer {issuer} for {host} are refused. If such tokens are meant to"
        " work, let the MCP endpoint accept that issuer and that audience. If not, document which token it takes, or"
        " publish protected-resource metadata (RFC 9728), so that clients can log in.",
    ),
    Rule(
        (Symptom.TOKEN_OF_ANOTHER_SERVICE, Symptom.FROM_LOGIN),
        Blame.AUTHORIZATION_SERVER,
        "{authority}, where you logged in, made a token for {host}, and {server} does not accept it",
        SEND_TO_OPERATOR,
        "The bridge asks for a token for {url} (the parameter resource, RFC 8707), and gets one with the audience"
        " {host}. Answer with a token whose aud is the resource that was asked for.",
    ),
    Rule(
        (Symptom.TOKEN_OF_ANOTHER_SERVICE,),
        Blame.YOU,
        "{what} was made for another service, {host}, and {server} does not accept it",
        "set resource or audience under auth for this server, as its operator documents them",
    ),
    Rule(
        (Symptom.WRONG_AUDIENCE, Symptom.FROM_LOGIN),
        Blame.AUTHORIZATION_SERVER,
        "{authority}, where you logged in, made a token for {audience}, and {server} does not accept it",
        SEND_TO_OPERATOR,
        "The bridge asks for a token for {resource} (the parameter resource, RFC 8707), and gets one with the audience"
        " {audience}. Answer with a token whose aud is the resource that was asked for.",
    ),
    Rule(
        (Symptom.WRONG_AUDIENCE, Symptom.FROM_CONFIGURATION),
        Blame.YOU,
        "{what} was made for {audience}, not for {server}",
        "get a token that was made for {resource}, then {remedy}",
    ),
    Rule(
        (Symptom.WRONG_AUDIENCE,),
        Blame.YOU,
        "{what} was made for {audience}, not for {server}",
        "set resource or audience under auth for this server, as its operator documents them",
    ),
    Rule(
        (Symptom.AUDIENCE_DISPUTED,),
        Blame.SERVER,
        "{server} says that {what} was made for another server, but it was made for {audience}, which is this one",
        SEND_TO_OPERATOR,
        "A token with the aud {audience} is refused at {url} because of its audience. Accept that value, or publish the"
        " one that you want as resource in your protected-resource metadata (RFC 9728 section 2).",
    ),
    Rule(
        (Symptom.TOKEN_ISSUER_UNKNOWN, Symptom.FROM_LOGIN),
        Blame.SERVER,
        "{server} does not know the issuer of your login's token, {issuer}, although you logged in at {authority}",
        SEND_TO_OPERATOR,
        "A token with the iss {issuer} is refused at {url} because of its issuer; it was obtained at {authority}."
        " Accept that issuer and its keys where you check tokens, or name another authorization server in your"
        " protected-resource metadata (RFC 9728 section 2).",
    ),
    Rule(
        (Symptom.TOKEN_ISSUER_UNKNOWN,),
        Blame.YOU,
        "{server} does not know who made {what}: its issuer is {issuer}",
        "get a token from the issuer that the server's operator names, then {remedy}",
        "A token with the iss {issuer} is refused at {url} because of its issuer. If such tokens are meant to work,"
        " accept that issuer and its keys where you check tokens. If not, document which issuer it trusts.",
    ),
)

_WORTHLESS = (
    Rule((Symptom.TOKEN_EXPIRED,), Blame.YOU, "{what} for {server} expired {when}", "{remedy}"),
    Rule(
        (Symptom.NOT_A_TOKEN, Symptom.FROM_LOGIN),
        Blame.UNKNOWN,
        "{server} cannot read the token that {authority}, where you logged in, made: {reason}",
        "ask the server's operator for the audience that a token needs, set it as audience under auth for this server,"
        " then run: {login}",
    ),
    Rule((Symptom.NOT_A_TOKEN,), Blame.YOU, "{what} for {server} is not a token: {reason}", "{remedy}"),
    Rule(
        (Symptom.SCOPE_MISSING, Symptom.FROM_LOGIN),
        Blame.YOU,
        "your login lacks a permission that {server} wants: {scopes}",
        "add {scopes} to scopes under auth for this server, then run: {login}",
    ),
    Rule((Symptom.SCOPE_MISSING,), Blame.YOU, "{what} lacks a permission that {server} wants: {scopes}", "{remedy}"),
    Rule(
        (Symptom.NOT_YET_VALID, Symptom.FROM_LOGIN),
        Blame.UNKNOWN,
        "by this machine's clock, {what} becomes valid in {when}: this clock is slow, or that of {authority} is fast",
        "check the date, time and time zone of this machine",
    ),
    Rule(
        (Symptom.NOT_YET_VALID,),
        Blame.YOU,
        "{what} for {server} is not valid yet: by this machine's clock, it becomes valid in {when}",
        "check the date, time and time zone of this machine; if they are right, wait that long, or {remedy}",
    ),
    Rule(
        (Symptom.EXPIRED_EARLY,),
        Blame.UNKNOWN,
        "{server} says that {what} has expired, but by this machine's clock it is valid for another {left}: a clock"
        " is wrong, or the token was revoked",
        "check the date and time of this machine; if they are right, {remedy}",
    ),
    Rule(
        (Symptom.TOKEN_REFUSED, Symptom.FROM_LOGIN, Symptom.RESOURCE_RENAMED),
        Blame.SERVER,
        "{server} has a new name, {resource}, and your login was made for the old one, {last_resource}",
        "run: {login}",
        "The name of the resource has changed from {last_resource} to {resource}, so that every user has to log in"
        " again. Accept tokens for the old name until they have expired.",
    ),
    Rule(
        (Symptom.TOKEN_REFUSED, Symptom.FROM_LOGIN),
        Blame.YOU,
        "{server} refuses {what}{says}; it may have been revoked ({reason})",
        "{remedy}",
        unless=(Symptom.FRESHLY_ISSUED,),
    ),
    Rule(
        (Symptom.TOKEN_REFUSED,),
        Blame.UNKNOWN,
        "{server} refuses {what}{says}; {reason}",
        "{remedy}",
        "A credential is refused at {url} without a reason that its owner could act on. Name the reason:"
        ' WWW-Authenticate: Bearer error="invalid_token", error_description="…" (RFC 6750 section 3).',
    ),
)

CREDENTIAL = (*_LOGIN, *_FOR_ANOTHER, *_WORTHLESS)
