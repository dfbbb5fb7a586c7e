"""Tokens that commands print: how their output is read, when a token is due, and how rarely the command runs."""

import asyncio
import base64
import json
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.credentials.command_token import CommandRecord, CommandReply, CommandToken, parse_output
from mcp_auth_bridge.errors import CredentialMissing, StoreError
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.stores.memory import MemoryStore

NOW = 1_000_000.0
ARGV = ("mint", "--key", "hunter2")
KEY = "printed acme https://mcp.example/mcp authorization"


def jwt(exp):
    return f"e30.{base64.urlsafe_b64encode(json.dumps({'exp': exp}).encode()).decode().rstrip('=')}.c2ln"


def read(text):
    """(token, expiry) of a command's output at NOW."""
    token = parse_output(Secret(text), ARGV, NOW)
    return token.value.reveal(), token.expires_at


@pytest.mark.parametrize(
    ("document", "end"),
    [
        ({"access_token": "t", "expires_in": 300}, NOW + 300),
        ({"access_token": "t", "expires_in": "300", "token_type": "Bearer"}, NOW + 300),
        ({"token": "t", "expires_at": 1_000_300}, NOW + 300),
        ({"token": "t", "expiry": "1970-01-12T13:51:40Z"}, NOW + 300),
        ({"accessToken": "t", "expiresOn": "1970-01-12 13:51:40.000000", "expires_on": 1_000_300}, NOW + 300),
        (
            {"kind": "ExecCredential", "status": {"token": "t", "expirationTimestamp": "1970-01-12T13:51:40Z"}},
            NOW + 300,
        ),
        ({"credential": {"access_token": "t", "token_expiry": "1970-01-12T14:51:40+01:00"}}, NOW + 300),
        ({"token": "t"}, None),
        ({"token": "t", "expires_in": True, "expires_at": "soon", "expiry": "1970-01-12T13:51:40"}, None),
    ],
)
def test_the_documents_of_known_clis_are_read(document, end):
    assert read(json.dumps(document)) == ("t", end)


def test_a_jwts_own_end_counts_and_the_earlier_of_two():
    assert read(jwt(NOW + 60)) == (jwt(NOW + 60), NOW + 60)
    assert read(json.dumps({"token": jwt(NOW + 60), "expires_in": 300}))[1] == NOW + 60
    assert read(json.dumps({"token": jwt(NOW + 600), "expires_in": 300}))[1] == NOW + 300
    assert read("opaque") == ("opaque", None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("hunter2\nhunter2", "printed 2 lines"),
        ("{hunter2", "begins like JSON, but is malformed"),
        ('{"tokens": "hunter2"}', "JSON document without a token"),
        ('{"token": ["hunter2"]}', "JSON document without a token"),
        ('{"token": ""}', "JSON document without a token"),
        ("{" * 100_000, "begins like JSON, but is malformed"),
    ],
)
def test_output_without_a_token_is_described_and_not_repeated(text, problem):
    with pytest.raises(CredentialMissing, match=f"^the command “mint” .*{problem}") as raised:
        read(text)
    assert "hunter2" not in raised.value.message + raised.value.hint


@given(st.text() | st.from_regex(r'\{"token":.*\}', fullmatch=True))
def test_any_output_is_a_token_or_one_error(text):
    try:
        value, _ = read(text)
    except CredentialMissing as error:
        assert error.hint  # noqa: PT017 - either is right
    else:
        assert value


@given(st.floats(-100, 1e6), st.floats(0, 2e6))
def test_a_token_is_due_before_it_ends_and_never_in_its_first_second(life, later):
    token = CommandReply(Secret("t"), NOW, NOW + life)
    assert token.due(NOW + max(life, 1.0))
    if later < 1.0 or later < 0.5 * life - 30.0:
        assert not token.due(NOW + later)


class Mint:
    """A command: prints `token-1`, `token-2`, … as JWTs would be, each good for `life` seconds."""

    def __init__(self, life=300):
        self.now = NOW
        self.life = life
        self.runs = 0
        self.errors = []
        self.warned = []
        self.running = 0
        self.locked = asyncio.Lock()

    async def __call__(self):
        self.runs += 1
        self.running += 1
        assert self.running == 1, "run by one process at a time"
        await asyncio.sleep(0)
        self.running -= 1
        if self.errors:
            raise self.errors.pop(0)
        return Secret(json.dumps({"token": f"token-{self.runs}", "expires_in": self.life}))

    @asynccontextmanager
    async def lock(self):
        async with self.locked:
            yield

    def process(self, store=None, argv=ARGV):
        """One process's view of the command."""

        async def opened():
            return store

        record = CommandRecord(KEY, argv, opened if store is not None else None, self.warned.append)
        return CommandToken(argv, self, self.lock, lambda: self.now, record)


def run(story):
    """The story, with a mint of its own loop."""

    async def told():
        return await story(Mint())

    return asyncio.run(told())


def test_the_command_runs_once_and_again_shortly_before_the_end():
    async def story(mint):
        token = mint.process()
        first = [await token.read() for _ in range(3)]
        mint.now += 269
        first.append(await token.read())
        assert (set(first), mint.runs) == ({Secret("token-1")}, 1)
        mint.now += 2
        assert await token.read() == Secret("token-2")

    run(story)


def test_all_requests_that_wait_share_one_run():
    async def story(mint):
        token = mint.process()
        tokens = await asyncio.gather(*(token.read() for _ in range(50)))
        assert (set(tokens), mint.runs) == ({Secret("token-1")}, 1)
        tokens = await asyncio.gather(*(token.read(Secret("token-1")) for _ in range(50)))
        assert (set(tokens), mint.runs) == ({Secret("token-2")}, 2)

    run(story)


def test_all_requests_that_wait_get_the_failure_and_the_next_one_tries_again():
    async def story(mint):
        mint.errors = [CredentialMissing("it failed")]
        token = mint.process()
        ends = await asyncio.gather(*(token.read() for _ in range(50)), return_exceptions=True)
        assert ({str(end) for end in ends}, mint.runs) == ({"it failed"}, 1)
        assert await token.read() == Secret("token-2")

    run(story)


def test_a_cancelled_request_does_not_cancel_the_run_for_the_others():
    async def story(mint):
        token = mint.process()
        one, two = asyncio.ensure_future(token.read()), asyncio.ensure_future(token.read())
        await asyncio.sleep(0)
        one.cancel()
        assert await two == Secret("token-1")
        assert mint.runs == 1

    run(story)


def test_sixteen_processes_with_a_store_run_it_once_and_once_more_for_a_refusal():
    async def story(mint):
        store = MemoryStore()
        processes = [mint.process(store) for _ in range(16)]
        assert set(await asyncio.gather(*(each.read() for each in processes))) == {Secret("token-1")}
        assert mint.runs == 1
        refused = await asyncio.gather(*(each.read(Secret("token-1")) for each in processes))
        assert (set(refused), mint.runs) == ({Secret("token-2")}, 2)

    run(story)


def test_without_a_store_each_process_runs_it_one_after_the_other():
    async def story(mint):
        await asyncio.gather(*(mint.process().read() for _ in range(4)))
        assert mint.runs == 4

    run(story)


def test_the_token_of_another_command_is_not_used():
    async def story(mint):
        store = MemoryStore()
        await mint.process(store).read()
        assert await mint.process(store, ("mint", "--other")).read() == Secret("token-2")
        assert await mint.process(store).read() == Secret("token-3")

    run(story)


def test_a_failing_store_is_warned_of_once_and_costs_only_runs():
    class Broken:
        def load(self, key):
            raise StoreError(f"no {key}")

        def save(self, key, secret, expected):
            raise StoreError(f"no {key}")

    async def story(mint):
        token = mint.process(Broken())
        assert await token.read() == Secret("token-1")
        assert await token.read(Secret("token-1")) == Secret("token-2")
        assert len(mint.warned) == 1

    run(story)


def test_the_shared_record_names_no_word_of_the_command():
    async def story(mint):
        store = MemoryStore()
        await mint.process(store).read()
        assert "hunter2" not in store.load(KEY).secret

    run(story)
