"""The errors of the bridge: each has a message, a hint, an exit code and a JSON-RPC code.

    BridgeError                 exit 1   -32603  the bridge itself has a bug
    ├── ConfigError             exit 2   -32603  the configuration or the command line is wrong
    │   ├── CredentialMissing   exit 9   -32010  the variable, file, command or keyring does not hold the secret
    │   └── LoginNotNeeded      exit 2   -32603  the MCP server answers without a login
    ├── LoginRequired           exit 3   -32010  the user has to log in
    │   ├── GrantEnded          exit 3   -32010  the authorization server ended the login
    │   └── StepUpRequired      exit 3   -32010  the login lacks scopes that the user can add
    ├── AccessDenied            exit 4   -32013  the login is good, but the account lacks the permission
    ├── CredentialRefused       exit 10  -32010  the MCP server refuses the credential for an unknown reason
    │   ├── TokenExpired        exit 11  -32010  the token's `exp` has passed
    │   ├── WrongAudience       exit 12  -32010  the token was made for another server
    │   ├── UnknownIssuer       exit 13  -32010  the MCP server does not know the token's issuer
    │   └── NotAToken           exit 14  -32010  the token is a placeholder, or unreadable to the MCP server
    ├── StoreError              exit 5   -32010  credentials cannot be read or written safely
    ├── Unreachable             exit 6   -32011  nothing was sent: repeating is safe
    │   ├── TimedOut            exit 15  -32011  nothing could be sent in time
    │   └── OutcomeUnknown      exit 6   -32012  the request was sent, but not answered: repeating may do it twice
    │       └── Overdue         exit 15  -32012  the request was sent, but not answered in time
    ├── RemoteError             exit 8   -32016  the MCP server or its tool answered with an error of its own
    ├── InputRefused            exit 8   -32603  the MCP client did not give the input that the MCP server asked for
    └── ProtocolError           exit 7   -32016
        ├── OurProtocolError    exit 7   -32600  the MCP client or this bridge broke the rules
        │   ├── MethodUnknown   exit 7   -32601  the method does not exist at this point
        │   ├── InvalidParams   exit 7   -32602  the parameters of the request are not valid
        │   └── WrongEra        exit 7   -32022  the MCP client and the MCP server share no revision of MCP
        └── TheirProtocolError  exit 7   -32016  the MCP server or the authorization server broke the rules
            ├── NoLoginOffered  exit 7   -32016  the MCP server publishes no way to log in
            ├── RedirectRefused exit 7   -32016  an OAuth server's redirect must not be followed
            ├── UrlRefused      exit 7   -32016  a URL must not be followed
            ├── OAuthRefused    exit 7   -32016  the response is an OAuth error (RFC 6749 section 5.2)
            ├── UpstreamFailed  exit 7   -32013  the HTTP response does not hold an MCP message
            ├── SessionLost     exit 7   -32015  the MCP server forgot the MCP session
            │   └── SessionDoubted  exit 7   -32015  the MCP server refused a request, perhaps for that reason
            ├── EraRefused      exit 7   -32016  the MCP server refuses one era, and may speak the other
            └── LimitExceeded   exit 7   -32014  something is larger or longer than a limit allows

The JSON-RPC codes lie in the implementation-defined range -32000…-32019; -32020 and below belong to MCP.
Where two kinds share a code, `data.code` tells them apart: it is the kind's `reason`.
A message never holds a secret. Text from a server stands in it only after `quoted`.
"""

import enum
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

TRY_AGAIN = "try again; if it keeps happening, contact the server's operator"
"""The hint for a fault that is not on this machine."""


class Sent(enum.Enum):
    """How much of the request reached the wire: NO means that repeating is safe."""

    NO = "no"
    YES = "yes"
    UNKNOWN = "partial"


class BridgeError(Exception):
    """`message` is one sentence, lower case, no full stop; `hint` names the command to run or the line to change.

    `facts` are further JSON members for programs: without secrets, and with foreign text only after `quoted`.
    """

    exit_code = 1
    rpc_code = -32603
    reason = "internal"
    sent = Sent.NO
    has_unclear_cause = False
    """Whether it may have several causes, so that `doctor` has more to say than the hint."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.facts: dict[str, Any] = {}  # Any: JSON

    def add(self, clause: str) -> None:
        """Append `clause` to the message."""
        self.message += clause
        self.args = (self.message,)

    def refer_to(self, command: str) -> None:
        """Let the hint end with the `command` that finds the cause, if the cause is unclear."""
        if self.has_unclear_cause:
            self.has_unclear_cause = False  # it is referred to once
            self.hint = f"{self.hint}; to find the cause, run: {command}" if self.hint else f"run: {command}"

    @property
    def retry_safe(self) -> bool:
        """Whether the same request may be sent again without the risk of doing its work twice."""
        return self.sent is Sent.NO


class ConfigError(BridgeError):
    exit_code = 2
    reason = "config"


class CredentialMissing(ConfigError):
    """A secret reference has no value: the variable is not set, the file cannot be read, the command failed."""

    exit_code = 9
    rpc_code = -32010
    reason = "credential_missing"


class LoginNotNeeded(ConfigError):
    """There is nothing to log in to."""


class LoginRequired(BridgeError):
    """`address` is where the user's browser begins the login that is under way, "" if none waits for that."""

    address = ""
    exit_code = 3
    rpc_code = -32010
    reason = "auth_required"


class StepUpRequired(LoginRequired):
    """The login is good, but an operation needs scopes that it lacks (MCP "Step-Up Authorization Flow")."""


class GrantEnded(LoginRequired):
    """The authorization server no longer accepts the refresh token.

    `error` is its error code (RFC 6749 section 5.2); `said` is as in `OAuthRefused`.
    """

    def __init__(self, message: str, hint: str = "", *, error: str, said: str = "") -> None:
        super().__init__(message, hint)
        self.error = error
        self.said = said


class AccessDenied(BridgeError):
    exit_code = 4
    rpc_code = -32013
    reason = "access_denied"


class CredentialRefused(BridgeError):
    """The MCP server refuses a credential that a login cannot replace: a configured one, or one of a machine grant."""

    exit_code = 10
    rpc_code = -32010
    reason = "credential_refused"
    has_unclear_cause = True

    def __init__(self, message: str, hint: str = "", *, facts: Mapping[str, Any]) -> None:
        super().__init__(message, hint)
        self.facts |= facts


class TokenExpired(CredentialRefused):
    exit_code = 11
    reason = "token_expired"
    has_unclear_cause = False


class WrongAudience(CredentialRefused):
    exit_code = 12
    reason = "wrong_audience"


class UnknownIssuer(CredentialRefused):
    exit_code = 13
    reason = "unknown_issuer"


class NotAToken(CredentialRefused):
    exit_code = 14
    reason = "not_a_token"
    has_unclear_cause = False


class StoreError(BridgeError):
    exit_code = 5
    rpc_code = -32010
    reason = "store"


class Unreachable(BridgeError):
    exit_code = 6
    rpc_code = -32011
    reason = "unreachable"


class TimedOut(Unreachable):
    exit_code = 15
    reason = "timed_out"


class OutcomeUnknown(Unreachable):
    rpc_code = -32012
    reason = "outcome_unknown"
    sent = Sent.UNKNOWN


class Overdue(OutcomeUnknown):
    """No response arrived in time. Whether the server has acted is not known."""

    exit_code = 15
    reason = "timed_out"


class RemoteError(BridgeError):
    """The MCP server or its tool answered a request of the bridge itself with an error."""

    exit_code = 8
    rpc_code = -32016
    reason = "remote_error"
    sent = Sent.YES


class InputRefused(BridgeError):
    """The MCP server needs input for a request, and the MCP client cannot or will not give it."""

    exit_code = 8
    reason = "input_refused"
    sent = Sent.YES


class ProtocolError(BridgeError):
    exit_code = 7
    rpc_code = -32016
    reason = "protocol_violation"


class OurProtocolError(ProtocolError):
    rpc_code = -32600
    reason = "invalid_request"


class MethodUnknown(OurProtocolError):
    rpc_code = -32601
    reason = "method_not_found"


class InvalidParams(OurProtocolError):
    rpc_code = -32602
    reason = "invalid_params"


class WrongEra(OurProtocolError):
    """The client and the server share no revision of MCP (specification 2026-07-28, basic/versioning)."""

    rpc_code = -32022
    reason = "wrong_era"

    def __init__(self, message: str, *, supported: Sequence[str], requested: str = "") -> None:
        super().__init__(message, f"use a client that speaks one of: {', '.join(supported)}")
        self.facts |= {"supported": list(supported), "requested": requested}


class TheirProtocolError(ProtocolError):
    sent = Sent.YES


class NoLoginOffered(TheirProtocolError):
    """The MCP server publishes no way to log in: it may be open, or expect an API key."""

    has_unclear_cause = True


class RedirectRefused(TheirProtocolError):
    """An OAuth server's redirect that is not followed: to another origin, to an invalid URL, or in a loop."""


class UrlRefused(TheirProtocolError):
    reason = "url_refused"
    sent = Sent.NO


class OAuthRefused(TheirProtocolError):
    """The authorization server refused. `error` is its code (RFC 6749 section 5.2), `status` the HTTP status.

    `said` is the server's own sentence, "" if it sent none. It is the end of `message` too.
    """

    reason = "oauth_refused"

    def __init__(self, message: str, hint: str = "", *, error: str, status: int, said: str = "") -> None:
        super().__init__(message, hint)
        self.error = error
        self.status = status
        self.said = said
        self.facts |= {"status": status}


class UpstreamFailed(TheirProtocolError):
    """The HTTP response does not hold an MCP message. `retry_after` is in seconds, None if the response names none."""

    rpc_code = -32013
    reason = "upstream_http"

    def __init__(self, message: str, hint: str = "", *, status: int, retry_after: float | None = None) -> None:
        super().__init__(message, hint)
        self.status = status
        self.retry_after = retry_after
        self.facts |= {"status": status}
        if retry_after is not None:
            self.facts["retry_after_ms"] = round(1000 * retry_after)
        if status == 429:
            self.sent = Sent.NO  # Too Many Requests is a refusal (RFC 6585 section 4), not an execution


class SessionLost(TheirProtocolError):
    """The MCP server refused a request before it processed it: it no longer knows the `Mcp-Session-Id`.

    `answer` is the refusal as a reply to the request (raw JSON), or as another error; None if this error is all there
    is to say. The client gets it if a new session does not help.
    """

    rpc_code = -32015
    reason = "session_lost"
    sent = Sent.NO

    def __init__(self, message: str, hint: str = "", *, answer: bytes | BridgeError | None = None) -> None:
        super().__init__(message, hint)
        self.answer = answer


class SessionDoubted(SessionLost):
    """The same refusal may mean something else. With `sent` UNKNOWN the server may have processed the request."""


class EraRefused(TheirProtocolError):
    """The server does not open a session, or a sessionless exchange, of one era; nothing was executed.

    It may speak the other era, so the relay tries that one (specification 2026-07-28, basic/versioning). `cause` is the
    error to report if it does not.
    """

    def __init__(self, cause: BridgeError) -> None:
        super().__init__(cause.message, cause.hint)
        self.cause = cause


class LimitExceeded(TheirProtocolError):
    rpc_code = -32014
    reason = "limit"


E = TypeVar("E", bound=BridgeError)


def unclear(error: E) -> E:
    """`error`, marked as one that may have several causes."""
    error.has_unclear_cause = True
    return error


def error_data(error: BridgeError) -> dict[str, Any]:
    """The members of `error` by which a program decides, without the message. Any: JSON."""
    action = {"action": error.hint} if error.hint else {}
    known = {"code": error.reason, "sent": error.sent.value, "retry_safe": error.retry_safe}
    return {**known, **action, **error.facts}


_UNPRINTABLE = {
    *range(0x20),  # C0, with ESC
    *range(0x7F, 0xA0),  # DEL and C1
    0x061C,
    *range(0x200B, 0x2010),  # zero width and marks
    *range(0x2028, 0x202F),  # separators and bidi embeddings
    *range(0x2060, 0x2070),  # invisible operators and bidi isolates
    0xFEFF,
    *range(0xE0000, 0xE0080),  # tags
}
_PLAIN = dict.fromkeys(map(ord, "-_.:/@%+,="))
"""The characters, apart from letters and digits, that no shell gives a special meaning."""
_BLANKED = dict.fromkeys(_UNPRINTABLE, " ")


def printable(text: str) -> str:
    """`text` with a space for each control, bidi or zero-width character, so that it cannot steer a terminal."""
    return text.translate(_BLANKED)


def quoted(text: str, limit: int = 200) -> str:
    """Foreign `text` for a message: in quotation marks, `printable`, on one line of at most `limit` characters."""
    clean = " ".join(printable(text[: limit * 4]).split())
    return f"“{clean[:limit]}…”" if len(clean) > limit else f"“{clean}”"


def shell_quoted(text: str) -> str:
    """`text` as one word of a command that the user copies into a POSIX shell."""
    if text.isascii() and text.translate(_PLAIN).isalnum():
        return text
    import shlex  # most words need no quotes

    return shlex.quote(text)


def copyable_url(text: str) -> str:
    """A server's URL as part of a command or a line that the user copies, or "…" for an unsafe one.

    The bridge does not know the user's shell, and no quotes work in every shell: cmd.exe does not know single quotes,
    and PowerShell evaluates text in double ones. So a URL passes only if no shell gives its characters a meaning.
    """
    word = text.replace("[", "").replace("]", "")  # an IPv6 address; at worst, zsh reads it as a file name pattern
    return text if shell_quoted(word) == word else "…"


def os_error_text(error: OSError) -> str:
    """The operating system's text for `error`, without the path and the number that Python adds."""
    return (error.strerror or type(error).__name__).lower()


def internal_error(bug: BaseException) -> BridgeError:
    """The error for an unexpected exception, named by class and place: its text may hold a secret."""
    trace = bug.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" at {trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}" if trace is not None else ""
    error = BridgeError(f"a fault of the bridge itself ({type(bug).__name__}{where})", "please report it")
    error.sent = Sent.UNKNOWN  # what happened before the bug is not known
    return error
