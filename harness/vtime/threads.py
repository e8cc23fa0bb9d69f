"""Threads, locks, queues and pools of a subject. Condition, Event, Semaphore, Queue and Future rest on the lock."""

from __future__ import annotations

import concurrent.futures.thread as pools
import logging
import queue
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from harness.vtime import originals
from harness.vtime.actors import Actor, Ended, Wait, actors, current
from harness.vtime.patching import Change

_get_ident = originals.get_ident
_real_lock = originals.allocate_lock


class Lock:
    """A lock whose waiters are parked. Threads outside virtual time wait on it as on any other."""

    __slots__ = ("__weakref__", "_free", "_real", "owner")

    def __init__(self) -> None:
        self._real = _real_lock()
        self.owner: Actor | None = None
        locked = self._real.locked
        self._free: Callable[[], bool] = lambda: not locked()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        actor = actors.get(_get_ident())
        if self._real.acquire(False):
            self.owner = actor
            return True
        if actor is None or not blocking:
            return self._real.acquire(blocking, timeout)
        conductor = actor.conductor
        wait = Wait("a lock", self, None if timeout < 0 else conductor.due(timeout), self._free)
        while True:
            ready = conductor.park(wait)
            if self._real.acquire(False):
                self.owner = actor
                return True
            if not ready:
                return False

    def release(self) -> None:
        self.owner = None
        self._real.release()

    def locked(self) -> bool:
        return self._real.locked()

    def _at_fork_reinit(self) -> None:
        self._real._at_fork_reinit()  # type: ignore[attr-defined]

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def __repr__(self) -> str:
        return f"<{'locked' if self.locked() else 'unlocked'} virtual lock at {id(self):#x}>"


_plain_lock = threading.Lock
_plain_rlock = threading.RLock
_plain_simple_queue = queue.SimpleQueue
_plain_start = threading.Thread.start
_plain_join = threading.Thread.join
_plain_is_alive = threading.Thread.is_alive
_plain_submit = pools.ThreadPoolExecutor.submit


def _lock() -> Any:
    return _real_lock() if _get_ident() not in actors else Lock()


def _rlock(*args: Any, **options: Any) -> Any:
    if _get_ident() not in actors:
        return _plain_rlock(*args, **options)
    return threading._PyRLock()  # type: ignore[attr-defined]


def _simple_queue() -> Any:
    return _plain_simple_queue() if _get_ident() not in actors else queue._PySimpleQueue()  # type: ignore[attr-defined]


_of_thread: weakref.WeakKeyDictionary[threading.Thread, Actor] = weakref.WeakKeyDictionary()


def _start(self: threading.Thread) -> None:
    """Start a thread of the subject: a new actor, whose first turn comes when the others wait."""
    actor = current()
    if actor is None or getattr(self, "_started", None) is None or self._started.is_set():  # type: ignore[attr-defined]
        _plain_start(self)
        return
    conductor = actor.conductor
    keeps = not self.daemon
    # One that is left over must not keep the process alive.
    self.daemon = True
    newcomer = conductor.newcomer(self.name, self)
    newcomer.keeps = keeps
    run = self.run

    def body() -> None:
        try:
            conductor.enter(newcomer)
            run()
        except Ended:
            pass  # it was told that the run is over, and threads would print what is no plain SystemExit
        finally:
            self.__dict__.pop("run", None)
            conductor.leave(newcomer)

    self.run = body  # type: ignore[method-assign]
    actor.abroad = True
    del actors[actor.ident]
    try:
        _plain_start(self)
    except BaseException:
        conductor.forget_one(newcomer)
        raise
    finally:
        actors[actor.ident] = actor
        actor.abroad = False
    _of_thread[self] = newcomer
    conductor.queue(newcomer)


def _join(self: threading.Thread, timeout: float | None = None) -> None:
    actor = current()
    target = _of_thread.get(self)
    if actor is not None and target is not None and target.conductor is actor.conductor and target is not actor:
        conductor = actor.conductor
        due = None if timeout is None else conductor.due(timeout)
        if not target.finished and not conductor.park(
            Wait(f"the end of {self.name}", target, due, lambda: target.finished)
        ):
            return
        timeout = None  # what is left of it is a matter of microseconds
    if actor is None:
        _plain_join(self, timeout)
        return
    actor.abroad = True
    del actors[actor.ident]
    try:
        _plain_join(self, timeout)
    finally:
        actor.abroad = False
        actors[actor.ident] = actor


def _is_alive(self: threading.Thread) -> bool:
    target = _of_thread.get(self)
    if target is not None and target.finished and current() is not None:
        return False
    return _plain_is_alive(self)


class _Pool:
    """What a pool has by way of workers: those of real time and those of virtual time are never mixed."""

    def __init__(self, pool: pools.ThreadPoolExecutor) -> None:
        self._kept = pool._work_queue, pool._idle_semaphore, pool._threads
        self._pool = weakref.ref(pool)
        self._fresh(pool)

    @staticmethod
    def _fresh(pool: pools.ThreadPoolExecutor) -> None:
        pool._work_queue = queue.SimpleQueue()
        pool._idle_semaphore = threading.Semaphore(0)
        pool._threads = set()

    def put_back(self) -> None:
        pool = self._pool()
        if pool is None:
            return
        workers: Any = pools._threads_queues
        for thread in pool._threads:
            workers.pop(thread, None)
        if self._kept[2] and not any(_of_thread.get(thread) for thread in self._kept[2]):
            pool._work_queue, pool._idle_semaphore, pool._threads = self._kept
        else:
            self._fresh(pool)


_pools: weakref.WeakKeyDictionary[pools.ThreadPoolExecutor, _Pool] = weakref.WeakKeyDictionary()


def _submit(self: pools.ThreadPoolExecutor, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    if current() is not None and self not in _pools:
        _pools[self] = _Pool(self)
    return _plain_submit(self, fn, *args, **kwargs)


class _Hush(logging.Filter):
    """Keeps pools from reporting that a worker was told that the run is over."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], Ended))


_hush = _Hush()


def hush_pools() -> None:
    logging.getLogger("concurrent.futures").addFilter(_hush)


def put_pools_back() -> None:
    """Give the pools that actors used the workers back that they had before."""
    for pool in list(_pools.values()):
        pool.put_back()
    _pools.clear()
    logging.getLogger("concurrent.futures").removeFilter(_hush)


def changes() -> Iterator[Change]:
    yield Change(threading, "Lock", _lock)
    yield Change(threading, "_allocate_lock", _lock)
    yield Change(threading, "RLock", _rlock)
    yield Change(queue, "SimpleQueue", _simple_queue)
    yield Change(threading.Thread, "start", _start)
    yield Change(threading.Thread, "join", _join)
    yield Change(threading.Thread, "is_alive", _is_alive)
    yield Change(pools.ThreadPoolExecutor, "submit", _submit)


def aliases() -> dict[int, tuple[Any, Any]]:
    """Return each original and its replacement, by the identity of the original."""
    return {
        id(original): (original, replacement)
        for original, replacement in (
            (_real_lock, _lock),
            (_plain_lock, _lock),
            (_plain_rlock, _rlock),
            (_plain_simple_queue, _simple_queue),
        )
    }
