"""Runs blocking calls that may never return, so that they delay neither the event loop nor the end of the process."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

from mcp_auth_bridge.errors import StoreError

T = TypeVar("T")


def run_in_background(function: Callable[[], T]) -> asyncio.Future[T]:
    """Run `function` in a thread of its own; the future gets its result, or the exception that it raises.

    It is a daemon thread: unlike an executor's it does not delay the end of the process.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return  # it was cancelled
        if error is None:
            future.set_result(result)  # type: ignore[arg-type]  # without an error, result is a T
        else:
            future.set_exception(error)

    def run() -> None:
        result, failure = None, None
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - it is raised again where it is awaited
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, name="background", daemon=True).start()
    return future


async def run_with_timeout(function: Callable[[], T], timeout: float) -> T:  # noqa: ASYNC109 - the error explains it
    """Run `function`, which asks a credential store, in a thread of its own; return its result or raise its exception.

    Raises `StoreError` after `timeout` seconds. The thread then goes on: an OS keyring that shows an unlock dialog
    cannot be interrupted.
    """
    future = run_in_background(function)
    try:
        await asyncio.wait((future,), timeout=timeout)
        if future.done():
            return future.result()
    finally:
        future.cancel()  # does nothing to a future that is done
    raise StoreError(
        f"the credential store did not answer within {timeout:g} seconds: the OS keyring may be waiting to be unlocked",
        "answer its prompt, or unlock the keyring, and repeat",
    )
