"""`login --paste`: the browser is on another machine, so the bridge starts neither a browser nor a listener here."""

import asyncio
import os
import time
from urllib.parse import urljoin, urlsplit

import httpx2
from faults.bridge import environment, home, stored_login
from program import command

from mcp_auth_bridge.demo.consent import _Form
from mcp_auth_bridge.demo.server import serving


async def the_end(url):
    """The final address of a browser on another machine, which cannot reach this machine's loopback."""
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as browser:
        page = await browser.get(url)
        form = _Form(page.text)
        answer = await browser.post(urljoin(url, form.action), data={**form.fields, "decision": "allow"})
        return answer.headers["location"]


def test_paste_starts_nothing_and_the_pasted_address_completes_the_login(tmp_path):
    started = tmp_path / "started"

    async def story():
        async with serving(time.time, os.urandom, 3600) as grants:
            home(tmp_path, grants.resource, auth='{ kind = "browser" }')
            login = await asyncio.create_subprocess_exec(
                *(command(), "login", "far", "--paste", "--browser-command", f"touch {started}"),
                env=environment(tmp_path),
                stdin=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            said = []
            while not said or not said[-1].startswith("http"):
                said.append((await login.stderr.readline()).decode())
                assert said[-1], said
            address = said[-1].strip()
            assert f"open this URL to sign in at {urlsplit(address).netloc}" in "".join(said)
            _, rest = await login.communicate(f"{await the_end(address)}\n".encode())
            assert login.returncode == 0, rest.decode()
            assert grants.access((await stored_login(tmp_path)).access) is not None

    asyncio.run(story())
    assert not started.exists()
