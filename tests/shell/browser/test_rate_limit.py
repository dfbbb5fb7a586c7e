"""Tabs that the bridge opens unasked: one in ten minutes, three a day, none after a logout, with any clock.

A tab whose login has no end leads nowhere, and does not count for the ten minutes. Logins without a tab disturb nobody.
"""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.errors import LoginRequired, StoreError
from mcp_auth_bridge.shell.browser.rate_limit import A_DAY, MOST_A_DAY, MOST_ADDRESSES, PAUSE, TabLimit


@pytest.fixture
def tabs(tmp_path):
    """A folder with the tabs of `acme`, for any number of processes, and a clock."""

    class Machine:
        now = 1e9
        folder = tmp_path / "memory"

        def open(self, key="acme"):
            """Whether a process may open a tab now. The login there ends without success."""
            if opened := self.begin(key):
                self.of(key).record_end()
            return opened

        def begin(self, key="acme"):
            """Whether a process may open a tab now. Nothing is noted of the end of its login."""
            try:
                self.of(key).note()
            except LoginRequired:
                return False
            return True

        def of(self, key="acme"):
            return TabLimit(self.folder, key, lambda: self.now)

    return Machine()


def test_one_in_ten_minutes_across_processes(tabs):
    assert tabs.open()
    tabs.now += PAUSE - 1
    assert not tabs.open()
    tabs.now += 1
    assert tabs.open()


def test_a_tab_that_ended_in_a_login_does_not_delay_one_for_more_scopes(tabs):
    """A step-up minutes after a login."""
    assert tabs.open()
    tabs.of().record_login()
    assert tabs.open()
    assert not tabs.open()  # that one has not been answered
    tabs.of().record_login()
    assert tabs.open()
    tabs.of().record_login()
    assert not tabs.open()  # three a day


def test_three_a_day(tabs):
    for _ in range(MOST_A_DAY):
        assert tabs.open()
        tabs.now += 2 * PAUSE
    assert not tabs.open()
    tabs.now += A_DAY
    assert tabs.open()


def test_each_server_has_a_limit_of_its_own(tabs):
    assert tabs.open()
    assert tabs.open("tickets")


def test_a_tab_whose_process_died_does_not_delay_the_next(tabs):
    assert tabs.begin()
    assert tabs.of().is_orphaned
    assert tabs.begin()
    tabs.of().record_end()
    assert not tabs.of().is_orphaned
    assert not tabs.begin()


def test_tabs_of_processes_that_died_count_for_the_day(tabs):
    assert [tabs.begin() for _ in range(MOST_A_DAY + 1)] == [True] * MOST_A_DAY + [False]


def test_logins_without_a_tab_follow_each_other_at_once_up_to_a_limit_of_their_own(tabs):
    assert tabs.open()
    for _ in range(MOST_ADDRESSES):
        tabs.of().note_address()
        tabs.of().record_end()
    with pytest.raises(LoginRequired, match="the bridge began 20 logins to it today"):
        tabs.of().note_address()
    tabs.now += A_DAY
    tabs.of().note_address()
    tabs.of().forbid()
    with pytest.raises(LoginRequired, match="the user logged out"):
        tabs.of().note_address()


def test_other_processes_find_the_address_of_a_login_as_long_as_it_runs(tabs):
    assert tabs.of().address == ""
    tabs.of().note_address()
    tabs.of().publish("http://127.0.0.1:1/open/x")
    assert tabs.of().address == "http://127.0.0.1:1/open/x"
    tabs.of().record_end()
    assert tabs.of().address == ""
    tabs.of().publish("http://127.0.0.1:2/open/x")
    tabs.of().note_address()
    assert tabs.of().address == ""


def test_where_the_file_cannot_be_kept_there_is_no_address(tabs):
    tabs.folder.mkdir(mode=0o755)
    tabs.of().publish("http://127.0.0.1:1/open/x")
    assert tabs.of().address == ""


def test_the_error_says_why_no_tab_is_opened(tabs):
    assert tabs.open()
    with pytest.raises(LoginRequired, match="the bridge opened a browser for it a few minutes ago"):
        tabs.of().note()
    tabs.of().forbid()
    with pytest.raises(LoginRequired, match="the user logged out"):
        tabs.of().note()


def test_after_a_logout_no_tab_is_opened_before_the_user_logs_in(tabs):
    tabs.of().forbid()
    tabs.now += 10 * A_DAY
    assert not tabs.open()
    tabs.of().forget()
    assert tabs.open()


def test_a_login_by_hand_allows_tabs_again(tabs):
    assert tabs.open()
    tabs.of().forget()
    assert tabs.open()


def test_a_tab_that_was_not_opened_after_all_does_not_count(tabs):
    assert tabs.open()
    tabs.of().take_back()
    assert tabs.open()


def test_a_clock_that_was_set_back_does_not_block_tabs(tabs):
    assert tabs.open()
    tabs.now -= 10 * A_DAY
    assert tabs.open()
    assert not tabs.open()


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"null", b'{"opened": 7}', b'{"opened": ["x"]}', b"\xff"])
def test_a_damaged_file_counts_as_empty(tabs, damage):
    assert tabs.open()
    [file] = tabs.folder.iterdir()
    file.write_bytes(damage)
    assert tabs.open()
    assert not tabs.open()


def test_a_tab_that_cannot_be_noted_is_not_opened(tabs):
    tabs.folder.mkdir(mode=0o755)
    with pytest.raises(StoreError):
        tabs.open()


@given(st.lists(st.floats(0, 4 * PAUSE), max_size=200))
def test_a_day_never_has_more_than_three_tabs(tmp_path_factory, pauses):
    now, opened = 0.0, []
    tabs = TabLimit(tmp_path_factory.mktemp("tabs") / "memory", "acme", lambda: now)
    for pause in pauses:
        now += pause
        try:
            tabs.note()
            tabs.record_end()
        except LoginRequired:
            continue
        opened.append(now)
    assert all(later - earlier >= PAUSE for earlier, later in itertools.pairwise(opened))
    assert all(fourth - first >= A_DAY for first, fourth in zip(opened, opened[MOST_A_DAY:], strict=False))
