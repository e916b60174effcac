"""Processes of our own: they answer, and they die with their parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from crm.child_process import start_child, stop_child
from crm.settings import ROOT

PARENT = """
import sys, time
from crm.child_process import start_child
from tests.test_child_process import sleep_long
process, receiver = start_child(sleep_long)
print(receiver.recv(), flush=True)
time.sleep(60)
"""


def answer(sender: Connection, number: int) -> None:
    os.kill(os.getpid(), signal.SIGINT)  # as Ctrl-C does to the whole group
    sender.send((os.getpid(), number))


def die(sender: Connection) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def sleep_long(sender: Connection) -> None:
    sender.send(os.getpid())
    time.sleep(60)


def test_child_answers_from_another_process_and_leaves_ctrl_c_to_its_parent() -> None:
    process, receiver = start_child(answer, 7)
    pid, number = receiver.recv()
    process.join()
    receiver.close()
    assert (pid, number, process.exitcode) == (process.pid, 7, 0)
    assert pid != os.getpid()
    process.close()


def test_end_of_a_killed_child_is_noticed() -> None:
    process, receiver = start_child(die)
    with pytest.raises(EOFError):
        receiver.recv()
    process.join()
    process.close()
    receiver.close()


def start_another(sender: Connection) -> None:
    other = multiprocessing.get_context("fork").Process(target=sleep_long, args=(sender,), daemon=True)
    other.start()
    other.join()


def test_stopped_child_takes_what_it_has_started_with_it() -> None:
    process, receiver = start_child(start_another)
    other = receiver.recv()
    stop_child(process)
    process.join()
    with pytest.raises(EOFError):
        receiver.recv()
    wait_for_death(other)
    stop_child(process)
    process.close()
    receiver.close()


def test_child_dies_with_a_killed_parent() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PARENT]
    parent = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    wait_for_death(child)


def wait_for_death(pid: int) -> None:
    deadline = time.monotonic() + 10
    while _lives(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
