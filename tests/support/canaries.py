"""Canaries: searches everything that a bridge prints and leaves behind for its secrets.

`pytest --canaries` (see conftest.py) replaces the command that tests start (program.py) by the same program with the
debug log on and a recorder: it records each new `Secret`, and everything written to stdout or stderr. It hides the log
from the tests, which count lines, except from those that ask for it.
"""

import base64
import contextlib
import json
import os
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

SHORTEST = 12  # characters; a shorter value is a test's own word, such as "spent", and may appear anywhere
REFERENCES = ("env:", "file:", "command:", "keyring:")
PLACE = re.compile(r"(/[\w.-]+)+/?|http://127\.0\.0\.1:\d+")
DEBUG = b"mcp-auth-bridge: debug "
DEBUG_JSON = b'"level": "debug"'

COMMAND = """\
#!{python}
import sys
sys.path.insert(0, {tests!r})
from mcp_auth_bridge.__main__ import main
from canaries import listen
listen({folder!r})
main()
"""


def forms(secret: str) -> Iterator[bytes]:
    """A secret raw, percent-encoded, in JSON, in hexadecimal and in base64.

    The base64 form of a text depends on its offset: the middle of each of the three alignments is enough.
    """
    yield secret.encode()
    yield quote(secret, safe="").encode()
    yield json.dumps(secret)[1:-1].encode()
    yield secret.encode().hex().encode()
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"\0" * shift + secret.encode())[4:-4]


def found(data: bytes, secrets: set[str]) -> list[str]:
    """The `secrets` that are in `data` in any form."""
    return sorted(secret for secret in secrets if any(form in data for form in forms(secret)))


def is_secret(text: str) -> bool:
    """Whether a `Secret` is secret.

    A header that is stored with a login may be a reference that only names a place. An argument of a command, and a
    variable in a client's entry, may be a place itself.
    """
    return len(text) >= SHORTEST and not text.startswith(REFERENCES) and PLACE.fullmatch(text) is None


class Leak(NamedTuple):
    argv: str
    place: str
    secrets: list[str]


def command(folder: Path) -> Path:
    """Write the recording command, which puts its recordings into `folder`."""
    script = folder / "mcp-auth-bridge"
    script.write_text(COMMAND.format(python=sys.executable, tests=str(Path(__file__).parent), folder=str(folder)))
    script.chmod(0o700)
    return script


def is_log(beginning: bytes) -> bool:
    """Whether a line with this beginning belongs to the debug log, as text or with `--log-format json`."""
    return beginning.startswith(DEBUG) or DEBUG_JSON in beginning


def listen(folder: str) -> None:
    """Inside the bridge: record all secrets and all output from now on."""
    from mcp_auth_bridge.secret import Secret

    hidden = "--debug" not in sys.argv
    sys.argv.insert(1, "--debug")
    name = f"{folder}/{os.getpid()}-{os.urandom(4).hex()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    secrets, said = (os.open(f"{name}.{kind}", flags, 0o600) for kind in ("secrets", "said"))
    write, make = os.write, Secret.__init__

    def note(fd: int, data: bytes) -> None:
        with contextlib.suppress(OSError):  # a test has filled the disk
            write(fd, data)

    about = {"argv": sys.argv[2:], "home": os.environ.get("MCP_AUTH_BRIDGE_HOME", "")}
    note(secrets, json.dumps(about).encode() + b"\n")

    def noting(self: Secret, value: str) -> None:
        make(self, value)
        note(secrets, json.dumps(value).encode() + b"\n")

    def hearing(fd: int, data: bytes) -> int:
        if stat.S_ISREG(os.fstat(fd).st_mode) and fd > 2:
            return write(fd, data)  # a sealed record
        if fd == 1 and "token" in about["argv"]:
            return write(fd, data)  # the only command that prints a secret on request
        sent = len(data) if hidden and is_log(bytes(data[:80])) else write(fd, data)
        note(said, data[:sent])
        return sent

    class Stdout:
        """The output of a command; it passes through Python's own stream."""

        def write(self, text: str) -> int:
            note(said, text.encode())
            return stdout.write(text)

        def __getattr__(self, name: str) -> object:
            return getattr(stdout, name)

    stdout = sys.stdout
    sys.stdout = Stdout() if stdout is not None else None
    Secret.__init__, os.write = noting, hearing


def leaks(folder: Path) -> Iterator[Leak]:
    """Every secret that a bridge printed, or left in a file of its home that is not for secrets."""
    for notes in sorted(folder.glob("*.secrets")):
        entries = list(noted(notes))
        about = {"argv": [], "home": "", **next((entry for entry in entries if isinstance(entry, dict)), {})}
        secrets = {entry for entry in entries if isinstance(entry, str) and is_secret(entry)}
        said = notes.with_suffix(".said").read_bytes() + json.dumps(about["argv"]).encode()
        places = {"stdout or stderr": said} | (left(Path(about["home"])) if about["home"] else {})
        for place, data in places.items():
            if told := found(data, secrets):
                yield Leak(" ".join(about["argv"]), place, told)


def noted(notes: Path) -> Iterator[dict[str, Any] | str]:
    """The bridge's argv, home and secrets; skips entries that a full disk or the end of the process has cut off."""
    for line in notes.read_text(errors="replace").splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            yield json.loads(line)


def left(home: Path) -> dict[str, bytes]:
    """The bridge's own files below `home`. The configuration belongs to the user and may hold a client's secret."""
    folders = ("records", "memory", "locks", "log")
    paths = [path for folder in folders for path in (home / folder).rglob("*") if path.is_file()]
    return {str(path.relative_to(home)): path.read_bytes() for path in paths}


def report(folder: Path) -> list[str]:
    """The report at the end of a run: the amount of recorded output, and each leak without the secret itself."""
    notes = [len(path.read_text().splitlines()[1:]) for path in folder.glob("*.secrets")]
    said = sum(path.stat().st_size for path in folder.glob("*.said"))
    heard = f"{len(notes)} bridges had {sum(notes)} secrets and said {said // 1024} KiB"
    return [heard, *(f"LEAK in {leak.place} of {leak.argv}: {len(leak.secrets)} secrets" for leak in leaks(folder))]
