"""Checks of what the MCP server and its authorization server publish: the challenge, the addresses, the documents."""

from collections.abc import Iterable

from mcp_auth_bridge.credentials.base import Refusal
from mcp_auth_bridge.doctor.answers import Answers
from mcp_auth_bridge.doctor.archive import Fetched
from mcp_auth_bridge.doctor.documents import Issuer, Published, named_issuers, read
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, fail, ok, skip, warn
from mcp_auth_bridge.doctor.issuer_rules import ISSUER_RULES
from mcp_auth_bridge.doctor.metadata_rules import Deviation, View, Weight, check
from mcp_auth_bridge.doctor.oauth_need import Need, OAuthNeed, weigh
from mcp_auth_bridge.doctor.resource_rules import RESOURCE_RULES
from mcp_auth_bridge.errors import copyable_url, quoted
from mcp_auth_bridge.http_syntax import media_type
from mcp_auth_bridge.oauth.challenge import Challenge, parse_challenges
from mcp_auth_bridge.oauth.error_text import redacted
from mcp_auth_bridge.oauth.metadata import same_origin_url, well_known_resource_urls
from mcp_auth_bridge.secret import Secret


async def cut_off(evidence: Evidence) -> Finding | None:
    """The finding of each check that needs a connection where there is none."""
    if (await evidence.answers()).is_cut_off:
        return skip(f"there is no connection to {evidence.bridge.profile.url.origin}")
    return None


async def need_of(evidence: Evidence) -> OAuthNeed:
    """Whether the server's OAuth matters to the bridge."""
    return weigh(evidence.bridge.profile.auth, await evidence.answers())


async def challenge(evidence: Evidence) -> Finding:
    """The challenge of a refusal: its scheme, the metadata that it names, its scopes and its error (RFC 9728, 6750)."""
    if (unknown := await cut_off(evidence)) is not None:
        return unknown
    answers, server = await evidence.answers(), evidence.bridge.profile.url
    if answers.refusal is None:
        return skip((await need_of(evidence)).reason)
    found = answers.challenge
    place = next(iter(well_known_resource_urls(server)))
    header = f'to send: WWW-Authenticate: Bearer resource_metadata="{place}" (RFC 9728 section 5.1)'
    if found is None:
        schemes = ", ".join(dict.fromkeys(quoted(each.scheme, 60) for each in _challenges(answers)))
        says = (
            f"the refusal has no challenge that a token answers, but {schemes}"
            if schemes
            else (f"the refusal, {answers.refusal}, has no WWW-Authenticate header")
        )
        return ok(f"{says}; the bridge looks at the well-known addresses", details=(header,))
    shown = _in_words(found, answers.refusal)
    if found.resource_metadata and same_origin_url(found.resource_metadata, server) is None:
        return warn(
            f"{shown}; the bridge does not follow that address, because it is of another origin",
            "if it is right, set resource_metadata under auth for this server to "
            f"{copyable_url(found.resource_metadata)}",
            details=(header,),
        )
    return ok(shown, details=() if found.resource_metadata else (header,))


def _challenges(answers: Answers) -> list[Challenge]:
    return parse_challenges(answers.stranger.fields.get("www-authenticate", ()))


def _in_words(found: Challenge, refusal: Refusal) -> str:
    """The challenge `found` of a `refusal`, without the organisation's headers that the server may repeat in it."""
    secrets = [Secret(value) for value in refusal.sent.values()]
    told = (("scope", " ".join(found.scopes)), ("error", found.error), ("saying", refusal.description))
    named = (
        ("metadata at", found.resource_metadata),
        *((name, redacted(text, secrets)) for name, text in told),
    )
    return ", ".join(
        (f"the scheme {quoted(found.scheme, 60)}", *(f"{name} {quoted(text)}" for name, text in named if text))
    )


async def addresses(evidence: Evidence) -> Finding:
    """Each well-known address: what it answers (RFC 9728 section 3, RFC 8414 section 3, OpenID Connect Discovery)."""
    if (unknown := await cut_off(evidence)) is not None:
        return unknown
    found, decision = await evidence.documents(), await evidence.discovery()
    home = evidence.bridge.profile.url.origin
    details = tuple(f"{_place(answer, home)}: {answer.in_words}{_remark(answer)}" for answer in found.answers)
    holding = sum(read(answer) is not None for answer in found.answers)
    says = f"{holding or 'none'} of {len(details)} addresses {'holds' if holding < 2 else 'hold'} metadata"
    need = await need_of(evidence)
    if holding or decision.server is not None or need.need is not Need.NEEDED:
        return ok(says if holding else f"{says}, and none is needed: {need.reason}", details=details)
    return warn(says, "", details=details)


_ODD = {
    401: "which is odd for a public document, and harmless",
    403: "which is odd for a public document",
    405: "although it is a document to GET",
}


def _place(answer: Fetched, home: str) -> str:
    """The address of `answer`, without the origin that most have in common."""
    return answer.url.path if answer.url.origin == home else answer.place


def _remark(answer: Fetched) -> str:
    remark = _ODD.get(answer.document.status, "") if answer.document is not None else ""
    return f", {remark}" if remark else ""


async def resource(evidence: Evidence) -> Finding:
    """The protected-resource metadata, point by point (RFC 9728)."""
    if (unknown := await cut_off(evidence)) is not None:
        return unknown
    found, server = await evidence.documents(), evidence.bridge.profile.url
    if not found.resources:
        place = next(iter(well_known_resource_urls(server)))
        if (await evidence.discovery()).server is None:
            return skip("there are none")
        document = f'{{"resource": "{server.resource}", "authorization_servers": ["https://…"]}}'
        return ok(
            "there are none; the bridge takes the authorization server at the MCP server's own host (MCP 2025-03-26),"
            " or the configured one",
            details=(f"to publish at {place}: {document} (RFC 9728 section 2)",),
        )
    first = found.resources[0]
    views = ((each, _view(each, found.resource_answers, evidence)) for each in found.resources)
    checked = {each.place: check(RESOURCE_RULES, view) for each, view in views}
    issuers = ", ".join(quoted(issuer) for issuer in named_issuers(first.members)) or "none"
    says = f"the resource {quoted(str(first.members.get('resource', '')))}, with logins at {issuers}"
    return await _judge(evidence, says, checked, [f"published at {first.place}"])


async def issuer(evidence: Evidence) -> Finding:
    """The authorization servers' metadata, point by point (RFC 8414, 7591, 7636, 9207)."""
    if (unknown := await cut_off(evidence)) is not None:
        return unknown
    found = await evidence.documents()
    own = Issuer(evidence.bridge.profile.url.origin, found.own_answers, found.own)
    issuers = [*found.issuers] or [own]
    published = [(each, each.metadata) for each in issuers if each.metadata is not None]
    details = [f"{quoted(each.name)}: {_absence(each)}" for each in issuers if each.metadata is None]
    if not published:
        if not found.issuers:
            return skip("no authorization server is known")
        says = f"{' and '.join(quoted(each.name) for each in issuers)}: no metadata are published"
        if (await need_of(evidence)).need is not Need.NEEDED or (await evidence.discovery()).server is not None:
            return ok(f"{says}, and none are needed", details=tuple(details))
        return fail(says, "", details=tuple(details))
    checked = {
        metadata.place: check(ISSUER_RULES, _view(metadata, each.answers, evidence, each.name))
        for each, metadata in published
    }
    says = "; ".join(f"{quoted(each.name)}, published at {metadata.place}" for each, metadata in published)
    return await _judge(evidence, says, checked, details)


def _absence(each: Issuer) -> str:
    if each.refused:
        return each.refused
    if each.is_down:
        return f"it does not answer: {each.answers[0].in_words}"
    return "none of its addresses holds metadata"


def _view(found: Published, answers: Iterable[Fetched], evidence: Evidence, asked: str = "") -> View:
    profile = evidence.bridge.profile
    kind = next((_kind(answer) for answer in answers if answer.url == found.url), "")
    return View(found.members, found.url, kind, profile.url, getattr(profile.auth, "resource", ""), asked)


def _kind(answer: Fetched) -> str:
    return media_type(answer.document.header("content-type")) if answer.document is not None else ""


async def _judge(
    evidence: Evidence, says: str, checked: dict[str, list[Deviation]], others: Iterable[str] = ()
) -> Finding:
    """The finding for documents with these deviations: a failure only if one of them stops the login."""
    several = len(checked) > 1
    lines = [f"{place}: {each}" if several else str(each) for place, found in checked.items() for each in found]
    stops = [each for found in checked.values() for each in found if each.rule.weight is Weight.STOPS]
    details = (*others, *lines)
    needed = (await need_of(evidence)).need is Need.NEEDED
    if stops and needed and (await evidence.discovery()).error is not None:
        return fail(f"{says}, but {stops[0].says}", "", details=details)
    return ok(says, details=details)
