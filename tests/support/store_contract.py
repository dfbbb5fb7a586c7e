"""The contract of stores, as one suite that the tests of each store inherit. See `mcp_auth_bridge/stores/base.py`."""

import contextlib
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from mcp_auth_bridge.stores.base import Stale


class StoreContract:
    def handles(self, folder):
        """Two stores over the same records, as in two processes."""
        raise NotImplementedError

    def test_a_key_that_was_never_saved_has_no_record(self, tmp_path):
        store, _ = self.handles(tmp_path)
        assert store.load("a") is None
        assert store.keys() == []

    def test_every_handle_loads_the_saved_record(self, tmp_path):
        one, two = self.handles(tmp_path)
        generation = one.save("a", "secret", None)
        assert (two.load("a").generation, two.load("a").secret) == (generation, "secret")

    def test_a_save_that_expects_the_stored_generation_replaces_it_with_the_next_one(self, tmp_path):
        one, two = self.handles(tmp_path)
        generation = one.save("a", "old", None)
        assert two.save("a", "new", generation) == generation + 1
        assert one.load("a").secret == "new"

    @pytest.mark.parametrize("distance", [-1, 1, None])
    def test_a_save_that_expects_anything_else_is_stale_and_changes_nothing(self, tmp_path, distance):
        one, two = self.handles(tmp_path)
        generation = one.save("a", "kept", None)
        with pytest.raises(Stale):
            two.save("a", "lost", None if distance is None else generation + distance)
        assert one.load("a").secret == "kept"

    def test_a_save_that_expects_a_record_is_stale_if_there_is_none(self, tmp_path):
        store, _ = self.handles(tmp_path)
        with pytest.raises(Stale):
            store.save("a", "x", 1)
        assert store.keys() == []

    def test_a_delete_needs_the_stored_generation(self, tmp_path):
        one, two = self.handles(tmp_path)
        generation = one.save("a", "x", None)
        assert not two.delete("a", generation + 1)
        assert one.load("a").secret == "x"
        assert two.delete("a", generation)
        assert one.load("a") is None
        assert not one.delete("a", generation)

    def test_the_generation_of_a_deleted_record_never_comes_back(self, tmp_path):
        """Otherwise a refresh that began before a logout would overwrite the login that came after it."""
        one, two = self.handles(tmp_path)
        old = one.save("a", "first login", None)
        one.delete("a", old)
        assert two.save("a", "second login", None) != old
        with pytest.raises(Stale):
            one.save("a", "refresh of the first", old)

    def test_keys_are_sorted_and_omit_deleted_ones(self, tmp_path):
        store, other = self.handles(tmp_path)
        for key in ("b", "c", "a"):
            store.save(key, key, None)
        other.delete("c", store.load("c").generation)
        assert store.keys() == ["a", "b"]

    def test_a_record_does_not_print_its_secret(self, tmp_path):
        store, _ = self.handles(tmp_path)
        store.save("a", "canary", None)
        assert "canary" not in repr(store.load("a"))

    def test_exactly_one_of_many_threads_that_expect_the_same_generation_saves(self, tmp_path):
        stores = self.handles(tmp_path)
        generation = stores[0].save("a", "x", None)
        gate, winners = threading.Barrier(8), []

        def contend(number):
            gate.wait()
            with contextlib.suppress(Stale):
                winners.append(stores[number % 2].save("a", str(number), generation))

        threads = [threading.Thread(target=contend, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert winners == [generation + 1]

    def test_any_key_and_any_secret_survive_the_round_trip(self, tmp_path_factory):
        one, two = self.handles(tmp_path_factory.mktemp("any"))

        @settings(deadline=None)
        @given(st.text(), st.text())
        def round_trip(key, secret):
            stored = one.load(key)
            one.save(key, secret, stored.generation if stored else None)
            assert two.load(key).secret == secret
            assert two.keys().count(key) == 1

        round_trip()

    def test_in_any_history_two_handles_behave_like_one_dictionary(self, tmp_path_factory):
        contract = self

        class History(RuleBasedStateMachine):
            @initialize()
            def begin(self):
                self.handles = contract.handles(tmp_path_factory.mktemp("history"))
                self.model, self.used = {}, set()

            @rule(handle=st.integers(0, 1), key=st.sampled_from("ab"), secret=st.text(max_size=3))
            def save_what_is_expected(self, handle, key, secret):
                expected = self.model[key][0] if key in self.model else None
                generation = self.handles[handle].save(key, secret, expected)
                assert (key, generation) not in self.used
                self.used.add((key, generation))
                self.model[key] = generation, secret

            @precondition(lambda self: self.used)
            @rule(handle=st.integers(0, 1), data=st.data())
            def save_what_is_outdated(self, handle, data):
                key, generation = data.draw(st.sampled_from(sorted(self.used)))
                if self.model.get(key, (None,))[0] != generation:
                    with pytest.raises(Stale):
                        self.handles[handle].save(key, "outdated", generation)
                    assert not self.handles[handle].delete(key, generation)

            @precondition(lambda self: self.model)
            @rule(handle=st.integers(0, 1), data=st.data())
            def delete(self, handle, data):
                key = data.draw(st.sampled_from(sorted(self.model)))
                assert self.handles[handle].delete(key, self.model.pop(key)[0])

            @rule(handle=st.integers(0, 1))
            def look(self, handle):
                store = self.handles[handle]
                assert store.keys() == sorted(self.model)
                for key in "ab":
                    record = store.load(key)
                    assert (record and (record.generation, record.secret)) == self.model.get(key)

        run_state_machine_as_test(History, settings=settings(deadline=None, max_examples=80, stateful_step_count=30))
