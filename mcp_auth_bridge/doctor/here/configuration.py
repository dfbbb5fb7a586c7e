"""The checks of the configuration: whether it can be used, and where each setting of the server comes from."""

from collections.abc import Iterator, Mapping

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.config.profile import Profile
from mcp_auth_bridge.config.setting_lines import setting_lines
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, fail, ok, sign_of, skip, warn
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.secret import describe_used
from mcp_auth_bridge.shell.files.paths import HOME_VARIABLE


async def configuration(evidence: Evidence) -> Finding:
    """Whether the configuration file can be used, and has the server."""
    subject = evidence.subject
    config = subject.context.config
    if (error := subject.context.error) is not None:
        return fail(error.message, error.hint, sign_of(Symptom.CONFIG_UNREADABLE, error))
    if (unusable := subject.server_error) is not None:
        broken = [each.error.message for each in config.broken.values()]
        symptom = Symptom.CONFIG_UNREADABLE if unusable.message in broken else Symptom.SERVER_UNKNOWN
        return fail(unusable.message, unusable.hint, sign_of(symptom, unusable))
    moved = f", below {HOME_VARIABLE}" if subject.context.environ.get(HOME_VARIABLE) else ""
    if not config.path.exists():
        return ok(f"there is no {config.path}{moved}, and none is needed")
    others = tuple(each.error.message for each in config.broken.values())
    if others and subject.bridge is None:
        hint = next(each.error.hint for each in config.broken.values())
        return warn(others[0], hint, details=others[1:])
    return ok(f"{config.path}{moved}", details=others)


async def settings(evidence: Evidence) -> Finding:
    """Where each setting of the server comes from. No value is shown, because it may be a misplaced secret."""
    if (bridge := evidence.subject.bridge) is None:
        return skip("no server is named")
    session = (await evidence.credential()).session
    kept = [name for name in (session.headers if session is not None else {}) if name not in bridge.profile.headers]
    details = [*_settings(bridge, evidence), *(f"headers.{name}: kept with the login" for name in kept)]
    if bridge.profile.is_bare:
        return ok("from the command line, and for the rest the defaults", details=tuple(details))
    return ok(f"[servers.{bridge.profile.name}], and for the rest the defaults", details=tuple(details))


def _settings(bridge: Bridge, evidence: Evidence) -> Iterator[str]:
    config, profile = evidence.subject.context.config, bridge.profile
    configured = config.profiles.get(profile.name)
    places = dict(_lines(bridge, evidence)) | dict(_command_line(profile, configured))
    headers = {f"headers.{name}": value for name, value in profile.headers.items()}
    for key, place in places.items():
        source = f", from {describe_used(headers[key], bridge.environ)}" if key in headers else ""
        yield f"{key}: {place}{source}"


def _lines(bridge: Bridge, evidence: Evidence) -> Iterator[tuple[str, str]]:
    path = evidence.subject.context.config.path
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):  # it was replaced since it was loaded
        return
    lines: Mapping[str, int] = setting_lines(text, bridge.profile.name)
    yield from ((key, f"line {line}") for key, line in lines.items())


def _command_line(profile: Profile, configured: Profile | None) -> Iterator[tuple[str, str]]:
    """The settings that the command line makes, compared with the `configured` ones."""
    place = "the command line"
    if configured is None:
        yield "url", place
    if profile.auth_argument:
        yield "auth", place
    known = {} if configured is None else configured.headers
    yield from ((f"headers.{name}", place) for name, value in profile.headers.items() if known.get(name) != value)
    if profile.network.ipv4_only and not (configured and configured.network.ipv4_only):
        yield "network.ipv4_only", place
