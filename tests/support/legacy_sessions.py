"""A legacy session by script: the steps of its opening, at first and after a loss."""

from relaying import INITIALIZE, INITIALIZED, VERSION, WELCOMED, answer, to_server, wake

OPENED = answer(0, WELCOMED)
"""The reply to `INITIALIZE`."""


def opening(call, initialize):
    """A session is being opened, for a minute at most."""
    return [to_server(call, initialize), wake("opening", 60.0)]


def opened(play):
    """Open the session: the calls -1 and -2."""
    play.client(INITIALIZE)
    play.server(-1, OPENED)
    play.ended(-1)
    play.client(INITIALIZED)
    return play.ended(-2)


def reopened(play, opening):
    """Let the call `opening` open the session again. Returns the actions after its confirmation."""
    assert play.server(opening, OPENED) == [to_server(opening - 1, INITIALIZED, **VERSION)]
    assert play.ended(opening) == []
    return play.ended(opening - 1)
