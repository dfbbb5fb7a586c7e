"""A login whose store is far away: questions and answers on different moments."""

import asyncio

import msgspec
import pytest

from mcp_auth_bridge.credentials.services import Services
from mcp_auth_bridge.credentials.stored_session import StoredSession, any_account
from mcp_auth_bridge.errors import LoginRequired, StoreError
from mcp_auth_bridge.oauth.session import Client, Session, dump, load_session
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.stores.memory import MemoryStore

OLD = Session(
    resource="https://mcp.example",
    issuer="https://as.example",
    token_endpoint="https://as.example/token",
    client=Client(issuer="https://as.example", id="c"),
    access=Secret("old"),
    obtained_at=0.0,
)
NEW = msgspec.structs.replace(OLD, access=Secret("new"))


class Far(MemoryStore):
    """A store behind a network: each answer is on its way until `slow` is set; while `away`, none comes."""

    def __init__(self):
        super().__init__()
        self.away = False
        self.warned = []
        self.slow = asyncio.Event()
        self.slow.set()

    async def beside(self, function):
        if self.away:
            raise StoreError("the store is away")
        answer = function()
        await self.slow.wait()
        return answer

    def kept(self, admit=any_account):
        async def opened():
            return self

        world = Services(opened, None, None, None, None, lambda: 0.0, self.warned.append, None, self.beside)
        return StoredSession("a", world, admit)


def test_a_look_that_is_answered_late_does_not_undo_a_save():
    async def story():
        far = Far()
        far.save("a", dump(OLD), None)
        kept = far.kept()
        await kept.look()
        far.slow.clear()
        looking = asyncio.ensure_future(kept.look())
        await asyncio.sleep(0)
        saving = asyncio.ensure_future(kept.save_or_keep(far, NEW))
        await asyncio.sleep(0)
        far.slow.set()
        await asyncio.gather(looking, saving)
        assert kept.session == NEW

    asyncio.run(story())


def test_a_session_that_could_not_be_saved_is_used_saved_by_the_next_look_and_warned_of_once():
    async def story():
        far = Far()
        far.save("a", dump(OLD), None)
        kept, other = far.kept(), far.kept()
        await kept.look()
        far.away = True
        assert await kept.save_or_keep(far, NEW)
        await kept.look()
        assert kept.session == NEW
        far.away = False
        await other.look()
        assert other.session == OLD
        await kept.look()
        await other.look()
        assert other.session == NEW
        assert [str(error) for error in far.warned] == ["the store is away"]

    asyncio.run(story())


def test_a_store_that_was_never_reached_has_no_answer():
    async def story():
        far = Far()
        far.away = True
        with pytest.raises(StoreError):
            await far.kept().look()

    asyncio.run(story())


def test_a_login_that_is_not_admitted_is_refused_at_each_look_until_another_one_is_there():
    def only_new(session):
        if session != NEW:
            raise LoginRequired("another account's")

    async def story():
        far = Far()
        kept = far.kept(only_new)
        generation = far.save("a", dump(NEW), None)
        await kept.look()
        generation = far.save("a", dump(OLD), generation)
        for _ in range(2):
            with pytest.raises(LoginRequired):
                await kept.look()
            assert kept.session is None
        far.save("a", dump(NEW), generation)
        await kept.look()
        assert kept.session == NEW

    asyncio.run(story())


class PutBack(MemoryStore):
    """A store on a disk that a backup may put back whole, so that only a process can know better."""

    def put_back(self, key, record):
        self._records[key] = record

    def roll_back(self, to):
        self._records["a"] = to


@pytest.mark.parametrize("look", ["before the save", "not before the save"])
def test_a_whole_store_that_was_put_back_during_a_renewal_costs_neither_the_new_login_nor_its_place(look):
    async def opened():
        return store

    async def story():
        generation = store.save("a", dump(OLD), None)
        older = store.load("a")
        for _ in range(3):
            generation = store.save("a", dump(OLD), generation)
        kept = StoredSession("a", Services(opened, None, None, None, None, lambda: 0.0, [].append, None))
        await kept.look()
        store.roll_back(older)
        if look == "before the save":
            await kept.look()
        assert await kept.save_or_keep(store, NEW)
        await kept.look()
        assert kept.session == NEW
        assert kept.is_saved
        assert load_session(store.load("a").secret) == NEW
        assert store.load("a").generation > generation

    store = PutBack()
    asyncio.run(story())
