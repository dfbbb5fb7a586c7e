"""One login in Redis, through the commands as users and IDEs run them."""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

from faults.bridge import environment, home, save_login, started
from program import command
from redis_fleet import Redis, needs_redis
from stress.strict import Strict

from mcp_auth_bridge.secret import Secret

pytestmark = needs_redis

PASSWORD = "canary-of-the-redis"


def fleet_home(folder: Path, url: str, redis: Redis) -> Path:
    home(folder, url, auth='{ kind = "browser" }')
    (folder / "password").write_text(PASSWORD + "\n")
    own = f'kind = "key_file"\npath = "{folder / "sealing.key"}"'
    shared = f'kind = "redis"\nurl = "{redis.url}"\nkey_file = "{folder / "sealing.key"}"'
    configuration = folder / "config.toml"
    password = f'password = "file:{folder / "password"}"'
    configuration.write_text(configuration.read_text().replace(own, f"{shared}\n{password}"))
    return folder


def said(folder: Path, *words: str) -> str:
    """The output of the command on both streams, with its exit code."""
    done = subprocess.run(
        [command(), *words],
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert PASSWORD not in done.stdout + done.stderr
    return f"{done.returncode} {done.stdout}{done.stderr}"


def test_while_redis_is_away_a_valid_token_is_used_and_an_expired_one_waits_for_its_return(
    tmp_path: Path,
) -> None:
    async def answer(client: Any, number: int) -> Any:
        await client.call(number)
        return await client.answer(number)

    async def story() -> None:
        with Redis(tmp_path / "redis", "--requirepass", PASSWORD) as redis:
            async with Strict(lambda: 0.0) as server:
                folder = fleet_home(tmp_path / "home", server.url, redis)
                client_id, tokens = server.login()
                await save_login(folder, server.grants.issuer, client_id, tokens.access, tokens.refresh, lifetime=3600)
                async with started(folder) as client:
                    await client.initialize()
                    assert "result" in await answer(client, 1)
                    redis.kill()
                    assert "result" in await answer(client, 2)
                    server.expire()
                    error = (await answer(client, 3))["error"]
                    assert (error["code"], error["data"]["sent"], error["data"]["retry_safe"]) == (-32010, "no", True)
                    assert f"the Redis server 127.0.0.1:{redis.port}" in error["message"]
                    assert (server.redeemed, server.reused) == (0, 0)
                    redis.start()
                    number = 4
                    while "error" in await answer(client, number):
                        number += 1
                    assert (server.redeemed, server.reused) == (1, 0)

    asyncio.run(story())


def test_status_and_logout_name_the_redis_that_holds_the_login_and_cannot_be_reached(tmp_path: Path) -> None:
    with Redis(tmp_path / "redis", "--requirepass", PASSWORD) as redis:
        url = "http://127.0.0.1:9/mcp"
        folder = fleet_home(tmp_path / "home", url, redis)
        other = fleet_home(tmp_path / "other", url, redis)
        asyncio.run(save_login(folder, "http://127.0.0.1:9", "c", Secret("a"), Secret("r"), lifetime=3600))
        for machine in (folder, other):
            words = said(machine, "status")
            assert "signed in" in words
            assert f"store: the Redis server 127.0.0.1:{redis.port}, sealed with a key in the key file" in words
        redis.kill()
        assert "refuses connections" in said(folder, "status")
        assert said(folder, "logout", "far").startswith("5 ")
        redis.start()
        said(folder, "logout", "far")
        assert "signed out" in said(other, "status")


def test_without_the_sealing_key_a_login_fails(tmp_path: Path) -> None:
    with Redis(tmp_path / "redis", "--requirepass", PASSWORD) as redis:
        folder = fleet_home(tmp_path / "home", "http://127.0.0.1:9/mcp", redis)
        (folder / "sealing.key").unlink()
        words = said(folder, "login", "far")
        assert words.startswith("5 ")
        assert "every machine that shares the store needs the same key" in words
        assert not (folder / "sealing.key").exists()
