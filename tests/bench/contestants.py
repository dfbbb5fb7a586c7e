"""The contestants: the bridge with each place of its token, and the bridges that people use today."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import install
import msgspec

HEADER = "Authorization: Bearer x"
LARGEST = 2**26
"""Bytes of one message, for those that have such a limit."""


class Place(msgspec.Struct, frozen=True):
    """The URL of the server, the file with the authority of its certificate, and the end of the metrics' keys."""

    url: str
    ca: Path | None = None
    suffix: str = ""


class Command(msgspec.Struct, frozen=True):
    argv: list[str]
    environment: Mapping[str, str]


class Contestant(msgspec.Struct, frozen=True):
    """`command` prepares a start; `home` is the contestant's own folder, the same at every start."""

    name: str
    command: Callable[[Place, Path], Command]
    version: str = ""


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of a child: no proxy and no settings of the developer."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", **more}


def bridge() -> Contestant:
    """The bridge with a static token: no login, like every peer here."""
    return Contestant("ours", _bridge(install.bridge(), 'auth = { kind = "bearer", token = "x" }'))


def bridge_with_login(name: str, store: str, session: Mapping[str, str]) -> Contestant:
    """The bridge with a login in `store` (TOML); `session` are the desktop's variables that it needs."""
    return Contestant(name, _bridge(install.CACHE / "mcp-auth-bridge/bin/mcp-auth-bridge", "", store, session))


def counted(name: str, log: Path) -> Contestant:
    """The bridge of the working tree, with a static token, whose instructions valgrind counts; it reports to `log`."""
    bridge = _bridge(Path(sys.executable), 'auth = { kind = "bearer", token = "x" }')
    valgrind = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]

    def command(place: Place, home: Path) -> Command:
        plain = bridge(place, home)
        python, *arguments = plain.argv
        argv = [*valgrind, f"--log-file={log}", python, "-m", "mcp_auth_bridge", *arguments]
        return Command(argv, {**plain.environment, "PYTHONHASHSEED": "0"})

    return Contestant(name, command)


def mcp_remote() -> Contestant:
    version = "0.15.1"
    script = install.node_script("mcp-remote", version, "dist/proxy.js")

    def command(place: Place, home: Path) -> Command:
        trust = {"NODE_EXTRA_CA_CERTS": str(place.ca)} if place.ca else {}
        argv = [shutil.which("node"), str(script), place.url, "--header", HEADER, "--allow-http"]
        return Command(argv, environment(home, MCP_REMOTE_CONFIG_DIR=str(home), **trust))

    return Contestant("mcp-remote", command, version)


def fastmcp_remote() -> Contestant:
    version = "4.1.2"
    executable = install.python_command("fastmcp-remote", f"fastmcp-remote=={version}")

    def command(place: Place, home: Path) -> Command:
        trust = ["--verify", str(place.ca)] if place.ca else []
        return Command([str(executable), place.url, "--header", HEADER, "--auth", "none", *trust], environment(home))

    return Contestant("fastmcp-remote", command, version)


def mcp_proxy() -> Contestant:
    version = "0.13.0"
    executable = install.python_command("mcp-proxy", f"mcp-proxy=={version}")

    def command(place: Place, home: Path) -> Command:
        trust = ["--verify-ssl", str(place.ca)] if place.ca else []
        argv = [str(executable), "--transport", "streamablehttp", "-H", *HEADER.split(": "), *trust, place.url]
        return Command(argv, environment(home))

    return Contestant("mcp-proxy", command, version)


def mcp_stdio() -> Contestant:
    version = "0.45.2"
    executable = install.python_command("mcp-stdio", f"mcp-stdio=={version}")

    def command(place: Place, home: Path) -> Command:
        trust = {"SSL_CERT_FILE": str(place.ca)} if place.ca else {}
        argv = [str(executable), "--max-message-size", str(LARGEST), "-H", HEADER, place.url]
        return Command(argv, environment(home, **trust))

    return Contestant("mcp-stdio", command, version)


PEERS = (mcp_remote, fastmcp_remote, mcp_proxy, mcp_stdio)


def _bridge(
    executable: Path, auth: str, store: str = "", session: Mapping[str, str] | None = None
) -> Callable[[Place, Path], Command]:
    def command(place: Place, home: Path) -> Command:
        network = f"network = {{ ca_file = {json.dumps(str(place.ca))} }}" if place.ca else ""
        server = f"[servers.bench]\nurl = {json.dumps(place.url)}\nrelay = {{ largest_message = {LARGEST} }}"
        (home / "config.toml").write_text(f"{store}\n{server}\n{auth}\n{network}\n")
        shutil.rmtree(home / "memory", ignore_errors=True)  # only the remote itself may answer `initialize`
        variables = {**(session or {}), "MCP_AUTH_BRIDGE_HOME": str(home)}
        return Command([str(executable), "run", "bench"], environment(home, **variables))

    return command
