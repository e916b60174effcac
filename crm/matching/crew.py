"""Sharing work among forked processes: they read the parent's records where they lie and send back bytes."""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection

Work = Callable[[int, int], bytes]  # which share, of how many


class WorkerLost(RuntimeError):
    """A process ended before it had answered: killed, or out of memory."""


def in_shares(work: Work, shares: int) -> list[bytes]:
    """Do every share of the work, the first one here and each other in a process; return the answers in order.

    Forking copies no records, but a process with busy threads must not fork: one share then, or a child process.
    """
    if shares < 2 or "fork" not in multiprocessing.get_all_start_methods():
        return [work(0, 1)]
    forking = multiprocessing.get_context("fork")
    lines = [forking.Pipe(duplex=False) for _ in range(shares - 1)]
    crew = [
        forking.Process(target=_answer, args=(work, number, shares, sender), daemon=True)
        for number, (_receiver, sender) in enumerate(lines, start=1)
    ]
    with warnings.catch_warnings():
        # Python 3.12 warns of any second thread; ours at most watches memory.
        warnings.simplefilter("ignore", DeprecationWarning)
        for process, (_receiver, sender) in zip(crew, lines, strict=True):
            process.start()
            sender.close()
    try:
        own = work(0, shares)
        return [own, *(_received(receiver) for receiver, _sender in lines)]
    finally:
        for process in crew:
            process.terminate()
            process.join()


def _answer(work: Work, share: int, shares: int, sender: Connection) -> None:
    sender.send_bytes(work(share, shares))
    sender.close()


def _received(receiver: Connection) -> bytes:
    try:
        return receiver.recv_bytes()
    except EOFError as error:
        raise WorkerLost("a process of the crew ended without an answer") from error
