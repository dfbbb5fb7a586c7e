"""Two users on one machine: the other user reads every command line, reaches every loopback port and gets nothing."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from faults.bridge import environment, home, stored_login
from program import command

from mcp_auth_bridge.demo.server import serving

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0,
    reason="needs root to switch to another user, and Linux to know the owner of a socket",
)

OTHER = 65534

# Records that it was started, waits for a signal, and then signs in as a user does.
BROWSER = """
import runpy, sys
started, go, url = sys.argv[1:]
open(started, "w").write(url)
open(go).read()
sys.argv = ["consent", url]
runpy.run_module("mcp_auth_bridge.demo.consent", run_name="__main__")
"""

# The other user: searches the command lines for a login's address and requests each given target.
ATTACK = r"""
import http.client, json, pathlib, re, sys
found = set()
for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    try:
        found |= set(re.findall(r"http://127\.0\.0\.1:\d+/open/\w+", path.read_bytes().decode(errors="replace")))
    except OSError:
        pass
port = int(sys.argv[1])
targets = [address.partition(f":{port}")[2] for address in found if f":{port}/" in address]
statuses = []
for target in [*targets, *sys.argv[2:]]:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    link.request("GET", target)
    statuses.append(link.getresponse().status)
print(json.dumps([len(targets), statuses]))
"""


def everything_started_with():
    """The command lines and environments of all other processes."""
    texts = []
    for path in Path("/proc").glob("[0-9]*"):
        if path.name == str(os.getpid()):
            continue
        for name in ("cmdline", "environ"):
            try:
                texts.append((path / name).read_bytes())
            except OSError:
                continue
    return b"\n".join(texts)


async def printed_url(stderr):
    """The URL for the user, which `login` prints on its own line."""
    while True:
        line = (await stderr.readline()).decode().strip()
        assert line or not stderr.at_eof(), "login has ended"
        if line.startswith("http"):
            return line


def said_by_an_ide():
    """A call, which makes `run` log in."""
    opening = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "ide", "version": "1"}}
    messages = [
        {"id": 1, "method": "initialize", "params": opening},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "add", "arguments": {"a": 1, "b": 2}}},
    ]
    return b"".join(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n" for message in messages)


async def answers(run):
    """Reads until the call is answered, then closes the client."""
    while b'"id":2' not in (line := (await run.stdout.readline()).replace(b" ", b"")):
        assert line, "run has ended"
    run.stdin.close()


@pytest.mark.parametrize("begun_by", ["login", "run"])
def test_the_other_users_callback_has_no_effect_and_no_command_line_completes_a_login(tmp_path, begun_by):
    async def story():
        async with serving(time.time, os.urandom, 3600) as grants:
            started, go = tmp_path / "started", tmp_path / "go"
            for pipe in (started, go):
                os.mkfifo(pipe)
            (tmp_path / "browser.py").write_text(BROWSER)
            browser = [sys.executable, "-P", *map(str, (tmp_path / "browser.py", started, go))]
            home(tmp_path, grants.resource, auth=f'{{ kind = "browser" }}\nbrowser_command = {json.dumps(browser)}')
            login = await asyncio.create_subprocess_exec(
                *(command(), begun_by, "far"),
                env=environment(tmp_path),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            if begun_by == "run":
                login.stdin.write(said_by_an_ide())
            address = await asyncio.to_thread(started.read_text)
            port = urlsplit(address).port
            shown = parse_qs(urlsplit(await printed_url(login.stderr)).query)
            (state,), (challenge,) = shown["state"], shown["code_challenge"]
            seen = await asyncio.to_thread(everything_started_with)
            assert address.encode() in seen
            assert state.encode() not in seen
            assert challenge.encode() not in seen
            attack = await asyncio.create_subprocess_exec(
                *("/usr/bin/env", "python3", "-c", ATTACK, str(port), f"/callback?state={state}&code=theirs"),
                user=OTHER,
                group=OTHER,
                env={"PATH": os.defpath},
                stdout=asyncio.subprocess.PIPE,
            )
            said, _ = await attack.communicate()
            assert said.decode().strip() == "[1, [404, 404]]"
            go.write_text("now")
            if begun_by == "run":
                await answers(login)
            _, rest = await login.communicate()
            assert login.returncode == 0, rest.decode()
            assert rest.count(b"another user of this machine") == 1
            assert grants.access((await stored_login(tmp_path)).access) is not None

    asyncio.run(story())
