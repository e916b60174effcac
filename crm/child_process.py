"""Processes of our own for work that would hold up the pages: fresh, silent at Ctrl-C, gone with their parent."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import spawn
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from threading import Lock, Thread
from typing import Any
from weakref import WeakSet

_main_lock = Lock()
_started: WeakSet[BaseProcess] = WeakSet()


def start_child(target: Callable[..., None], *arguments: Any) -> tuple[BaseProcess, Connection]:
    """Call `target(sender, *arguments)` in a process of its own; return it and the end that receives.

    The child, and whatever it starts, dies with this process, however that dies. Who receives gets EOFError when
    the child is gone.
    """
    if not _started:
        atexit.register(_stop_all)  # now, so that it comes before multiprocessing waits for every child
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_live, args=(sender, target, arguments), daemon=False)
    with _main_hidden():
        process.start()
    _started.add(process)
    sender.close()
    return process, receiver


def stop_child(process: BaseProcess) -> None:
    """End a child at once, with whatever it has started; one that has ended may be told so again."""
    if process.pid is None or not process.is_alive():
        return
    try:
        os.killpg(process.pid, signal.SIGTERM)
    except ProcessLookupError:  # it has only begun to start
        process.terminate()


def _stop_all() -> None:
    for process in _started:
        with suppress(ValueError):  # closed: ended long ago
            stop_child(process)


def _live(sender: Connection, target: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which decides
    os.setpgrp()
    Thread(target=_die_with_parent, daemon=True).start()
    target(sender, *arguments)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.killpg(0, signal.SIGKILL)


@contextmanager
def _main_hidden() -> Iterator[None]:
    # A spawned process runs the parent's main module again, and Streamlit puts the page being drawn in its place:
    # whatever `__main__` is at this instant, the child must not hear of it.
    with _main_lock:
        original = spawn.get_preparation_data

        def without_main(name: str) -> dict[str, Any]:
            known = original(name)
            return {key: value for key, value in known.items() if not key.startswith("init_main_from_")}

        spawn.get_preparation_data = without_main
        try:
            yield
        finally:
            spawn.get_preparation_data = original
