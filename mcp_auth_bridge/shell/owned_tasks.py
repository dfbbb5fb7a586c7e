"""Tasks and timers that end with their owner, so that nothing goes on after it."""

import asyncio
from collections.abc import Callable, Coroutine


class OwnedTasks:
    """The tasks and timers of one owner. `failed` is called with the exception of a task that raises one."""

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        self._failed = failed
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Do `work` in a task."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def set_timer(self, name: str, seconds: float, wake: Callable[[str], None]) -> None:
        """Call `wake(name)` after `seconds`, in place of an earlier timer of that name."""
        if (earlier := self._timers.pop(name, None)) is not None:
            earlier.cancel()
        self._timers[name] = asyncio.get_running_loop().call_later(seconds, self._ring, name, wake)

    async def end(self) -> None:
        """Cancel everything, and wait until no task runs any more."""
        for timer in self._timers.values():
            timer.cancel()
        running = list(self._tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _ring(self, name: str, wake: Callable[[str], None]) -> None:
        del self._timers[name]
        wake(name)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (bug := task.exception()) is not None:
            self._failed(bug)
