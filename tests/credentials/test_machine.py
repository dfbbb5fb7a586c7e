"""A machine's credentials: obtained once for all requests, before they expire, and not asked for again and again."""

import asyncio

import pytest
from machine_flow import TOKEN, discovery
from machine_flow import plan as machine_plan
from playing import answer, plain, words
from refreshing import KEY, TARGET, World, again, bearer, meanwhile, refused, told

from mcp_auth_bridge.credentials.machine import MachineRenewal, PlanSource
from mcp_auth_bridge.credentials.oauth import OAuthCredentials
from mcp_auth_bridge.credentials.stored_session import StoredSession
from mcp_auth_bridge.effects import Now
from mcp_auth_bridge.errors import (
    AccessDenied,
    BridgeError,
    ConfigError,
    CredentialMissing,
    CredentialRefused,
    Sent,
    StoreError,
    Unreachable,
)
from mcp_auth_bridge.oauth.configured import ConfiguredClient
from mcp_auth_bridge.oauth.session import Client
from mcp_auth_bridge.secret import Secret

ACCEPTED = {"s3cret": "Basic Y2k6czNjcmV0", "n3w": "Basic Y2k6bjN3"}
DOWN = Unreachable("https://as.example refuses connections")


def with_secret(value):
    proof = {"secret": Secret(value), "auth_method": "client_secret_basic"}
    client = Client(issuer="https://as.example", id="ci", registered=False, **proof)
    return machine_plan(ConfiguredClient(issuer="https://as.example", client=client, place="the file /run/secret"))


class Machines(World):
    """The same machine and clock, and an authorization server that knows a client by the secret `valid`.

    `plan` is what the configuration and its secrets say at the moment; `asked` are the requests to that server.
    """

    def __init__(self):
        super().__init__()
        self.valid = "s3cret"
        self.plan = with_secret("s3cret")
        self.missing = None
        self.requests = []

    def process(self, *, discovers=True):
        lent = self.lent()
        kept = StoredSession(KEY, lent)
        source = PlanSource("acme", "client_credentials", self._read, discovers)
        return OAuthCredentials(kept, MachineRenewal(source, kept, lent), lent)

    async def _read(self):
        if self.missing is not None:
            raise self.missing
        return self.plan

    async def _drive(self, flow):
        assert self._locked.locked()
        self.asked.set()
        if self.gate is not None:
            await self.gate.wait()
        effect = next(flow)
        while True:
            try:
                result = self._answer(effect)
                effect = flow.throw(result) if isinstance(result, BridgeError) else flow.send(result)
            except StopIteration as end:
                return end.value

    def _answer(self, effect):
        if isinstance(effect, Now):
            return self.now
        self.requests.append(words(effect))
        known = dict(discovery())
        if self.requests[-1] in known:
            return known[self.requests[-1]]
        if self.reply is not None:
            return self.reply
        if plain(effect.headers)["authorization"] != ACCEPTED[self.valid]:
            return answer({"error": "invalid_client"}, 401)
        self.count += 1
        return answer(
            {"access_token": f"AT-{self.count}", "token_type": "bearer", "expires_in": self.life}, at=self.now
        )

    @property
    def token_requests(self):
        return self.requests.count(TOKEN)


async def first(process):
    """As the transport does it: bare, and after the refusal with a token."""
    assert await process.headers(TARGET) == {}
    return await process.headers(TARGET, refused({}))


@told
async def test_the_servers_challenge_is_waited_for_and_then_one_token_is_had_for_all():
    world = Machines()
    process = world.process()
    assert await first(process) == bearer(1)
    assert [await process.headers(TARGET) for _ in range(10)] == [bearer(1)] * 10
    assert world.requests == [wish for wish, _ in discovery()] + [TOKEN]


@told
async def test_with_a_known_token_endpoint_nothing_goes_out_without_a_token():
    world = Machines()
    assert await world.process(discovers=False).headers(TARGET) == bearer(1)


@told
async def test_many_requests_of_many_processes_cost_one_token_request():
    world = Machines()
    processes = [world.process(discovers=False) for _ in range(16)]
    found = await asyncio.gather(*(process.headers(TARGET) for process in processes for _ in range(4)))
    assert found == [bearer(1)] * 64
    assert world.token_requests == 1
    assert await world.process().headers(TARGET) == bearer(1)  # one that starts later finds it in the store


@told
async def test_a_token_is_replaced_before_it_expires_and_no_request_waits_for_it():
    world = Machines()
    process = world.process(discovers=False)
    await process.headers(TARGET)
    world.now += 3541.0
    world.requests.clear()
    assert await process.headers(TARGET) == bearer(1)
    await meanwhile()
    assert await process.headers(TARGET) == bearer(2)
    assert world.requests == [TOKEN]  # where the last one was had


@told
async def test_a_refused_token_is_replaced_once_with_everything_looked_up_anew():
    world = Machines()
    process = world.process()
    await first(process)
    world.requests.clear()
    assert await process.headers(TARGET, refused(bearer(1))) == bearer(2)
    assert world.requests == [wish for wish, _ in discovery()] + [TOKEN]
    with pytest.raises(CredentialRefused, match="refuses even a token freshly issued by client_credentials") as raised:
        await process.headers(TARGET, again(bearer(2)))
    assert "resource, audience" in raised.value.hint
    with pytest.raises(CredentialRefused):
        await process.headers(TARGET, refused(bearer(2)))
    assert world.token_requests == 1


@told
async def test_another_process_has_replaced_it_already():
    world = Machines()
    one, other = world.process(), world.process()
    await first(one)
    assert await other.headers(TARGET) == bearer(1)
    await one.headers(TARGET, refused(bearer(1)))
    assert await other.headers(TARGET, refused(bearer(1))) == bearer(2)
    assert world.token_requests == 2


@told
async def test_a_secret_that_was_rotated_is_read_again():
    world = Machines()
    process = world.process(discovers=False)
    await process.headers(TARGET)
    world.valid, world.plan = "n3w", with_secret("n3w")
    world.now += 3600.0
    assert await process.headers(TARGET) == bearer(2)


@told
async def test_a_refused_secret_is_not_presented_again_and_again_but_another_one_is_at_once():
    world = Machines()
    world.valid = "n3w"
    process = world.process(discovers=False)
    for _ in range(5):
        with pytest.raises(ConfigError, match="does not accept the client") as raised:
            await process.headers(TARGET)
        assert raised.value.exit_code == 2
    assert world.token_requests == 1
    world.plan = with_secret("n3w")
    assert await process.headers(TARGET) == bearer(1)


@told
async def test_after_a_pause_that_doubles_the_same_secret_is_tried_again():
    world = Machines()
    world.valid = "n3w"
    process = world.process(discovers=False)
    for pause, requests in ((0, 1), (29, 1), (1, 2), (59, 2), (1, 3)):
        world.now += pause
        with pytest.raises(ConfigError):
            await process.headers(TARGET)
        assert world.token_requests == requests
    world.valid = "s3cret"
    world.now += 120
    assert await process.headers(TARGET) == bearer(1)


@told
async def test_a_server_that_is_away_is_asked_again_by_the_next_request_and_nothing_was_sent():
    world = Machines()
    world.reply = DOWN
    process = world.process(discovers=False)
    for _ in range(2):
        with pytest.raises(Unreachable) as raised:
            await process.headers(TARGET)
        assert raised.value.sent is Sent.NO
    world.reply = None
    assert await process.headers(TARGET) == bearer(1)


@told
async def test_a_good_token_outlives_an_authorization_server_that_is_away():
    world = Machines()
    process = world.process(discovers=False)
    await process.headers(TARGET)
    world.now, world.reply = world.now + 3541.0, DOWN
    assert await process.headers(TARGET) == bearer(1)
    await meanwhile()
    assert await process.headers(TARGET) == bearer(1)


@told
async def test_after_a_failure_the_place_to_ask_is_looked_up_again():
    world = Machines()
    process = world.process(discovers=False)
    await process.headers(TARGET)
    world.now, world.reply = world.now + 3600.0, DOWN
    with pytest.raises(Unreachable):
        await process.headers(TARGET)
    world.reply = None
    world.requests.clear()
    assert await process.headers(TARGET) == bearer(2)
    assert world.requests == [wish for wish, _ in discovery()] + [TOKEN]


@told
async def test_a_missing_secret_stops_before_any_request():
    world = Machines()
    world.missing = CredentialMissing("the client_secret of acme is not there", "put it there")
    with pytest.raises(CredentialMissing):
        await world.process(discovers=False).headers(TARGET)
    assert world.requests == []


@told
async def test_a_token_that_cannot_be_stored_is_used_all_the_same():
    world = Machines()
    world.store.full = True
    assert await world.process(discovers=False).headers(TARGET) == bearer(1)
    assert [type(error) for error in world.warned] == [StoreError]


@told
async def test_a_permission_that_is_lacking_names_the_scope_and_the_key():
    world = Machines()
    process = world.process(discovers=False)
    lacking = refused(await process.headers(TARGET), 403, error="insufficient_scope", scope="files.write")
    with pytest.raises(AccessDenied, match=r"files\.write") as raised:
        await process.headers(TARGET, lacking)
    assert raised.value.hint == "add that to scopes under auth for acme"
    assert world.token_requests == 1


@told
async def test_a_permission_that_the_token_names_is_its_operators_to_give():
    world = Machines()
    process = world.process(discovers=False)
    lacking = refused(await process.headers(TARGET), 403)
    with pytest.raises(AccessDenied) as raised:
        await process.headers(TARGET, lacking)
    assert "operator" in raised.value.hint
