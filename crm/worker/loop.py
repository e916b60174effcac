"""The worker: takes jobs as they come, holds them, settles them, starts what the clock asks for."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess

from crm.child_process import stop_child
from crm.clock import utc_now
from crm.db import Database
from crm.errors import DatabaseUnavailable
from crm.jobs.claims import Claim, claim_job, end_job, free_kinds, hold_on, put_back
from crm.jobs.requests import wake_on_request
from crm.jobs.run import Stop
from crm.models import JobStatus
from crm.worker.kinds import JOBS, Job
from crm.worker.performing import WORKER_LOST, Outcome, perform, perform_in_child
from crm.worker.schedules import SCHEDULES, Clockwork, Schedule

LIGHT_AT_ONCE = 2
HEAVY_AT_ONCE = 1
CLOCK_SECONDS = 15
TROUBLE_SECONDS = 10  # between two looks at a database that does not answer
STOP_SECONDS = 10  # a light job gets so long to come to its next report

log = logging.getLogger(__name__)


class Worker:
    """One worker of one process. Any number of them, in any number of processes, share the work."""

    def __init__(
        self,
        database: Database,
        jobs: Mapping[str, Job] = JOBS,
        schedules: Sequence[Schedule] = SCHEDULES,
        *,
        poll_seconds: float = 1.0,
        hold_seconds: int = 60,
    ) -> None:
        self.name = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._database = database
        self._jobs = jobs
        self._heavy_kinds = frozenset(str(kind) for kind, job in jobs.items() if job.is_heavy)
        self._clockwork = Clockwork(database, schedules)
        self._poll_seconds = poll_seconds
        self._hold_seconds = hold_seconds
        self._held: dict[str, tuple[Claim, threading.Thread]] = {}  # by the claim's own `held_by`
        self._children: dict[str, BaseProcess] = {}
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._next_hold = self._next_look = 0.0
        self._thread = threading.Thread(target=self._live, name="worker", daemon=True)

    def start(self) -> None:
        """Begin to work, in threads of this process."""
        self._thread.start()

    def stop(self) -> None:
        """Give back what is being worked on, and end; returns when nothing runs any more, or after some seconds."""
        self._stopping.set()
        self._woken.set()
        if self._thread.ident is not None:
            self._thread.join()
        with self._lock:
            for child in self._children.values():
                stop_child(child)
            threads = [thread for _, thread in self._held.values()]
        deadline = time.monotonic() + STOP_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def wait_until_idle(self, timeout_seconds: float) -> bool:
        """Wait until this worker holds no job; for tests and the command line."""
        deadline = time.monotonic() + timeout_seconds
        while self._held and time.monotonic() < deadline:
            time.sleep(0.01)
        return not self._held

    def round(self) -> int:
        """Look once: hold on to what is being done, start what is due, take what is free; return how much was taken."""
        now = time.monotonic()
        if now >= self._next_hold:
            self._next_hold = now + self._hold_seconds / 3
            self._hold_on()
        if now >= self._next_look:
            self._next_look = now + CLOCK_SECONDS
            self._clockwork.look(utc_now())
        return self._take_all()

    def _live(self) -> None:
        forget = wake_on_request(self._woken.set)
        try:
            while not self._stopping.is_set():
                self._woken.clear()
                self._woken.wait(self._careful_round())
        finally:
            forget()

    def _careful_round(self) -> float:
        try:
            self.round()
        except DatabaseUnavailable:
            log.warning("background work waits: the database does not answer")
            return TROUBLE_SECONDS
        except Exception:  # the loop shares its life with the server: it must outlive a broken round
            log.exception("a round of background work broke")
            return TROUBLE_SECONDS
        return self._poll_seconds

    def _hold_on(self) -> None:
        with self._lock:
            claims = [claim for claim, _ in self._held.values()]
        if claims:
            with self._database.session_scope() as session:
                hold_on(session, claims, held_until=self._held_until())

    def _take_all(self) -> int:
        taken = 0
        while not self._stopping.is_set():
            kinds = self._kinds_with_room()
            if not kinds:
                break
            with self._database.read_scope() as session:
                free = free_kinds(session, kinds=kinds, lone=self._heavy_kinds, now=utc_now())
            if not free or not self._take(free):
                break
            taken += 1
        return taken

    def _kinds_with_room(self) -> set[str]:
        with self._lock:
            heavy = sum(self._jobs[claim.kind].is_heavy for claim, _ in self._held.values())
            light = len(self._held) - heavy
        room = {True: heavy < HEAVY_AT_ONCE, False: light < LIGHT_AT_ONCE}
        return {str(kind) for kind, job in self._jobs.items() if room[job.is_heavy]}

    def _take(self, kinds: set[str]) -> bool:
        with self._database.session_scope() as session:
            claim = claim_job(
                session,
                worker=self.name,
                kinds=kinds,
                lone=self._heavy_kinds,
                now=utc_now(),
                held_until=self._held_until(),
            )
        if claim is None:  # another worker was faster
            return False
        if claim.is_cancelled:
            self._settle(claim, Outcome(stop=Stop.CANCELLED))
        elif claim.tries > self._jobs[claim.kind].tries:
            self._settle(claim, Outcome(error=WORKER_LOST))
        else:
            thread = threading.Thread(target=self._do, args=(claim,), name=f"job-{claim.job_id}", daemon=True)
            with self._lock:
                self._held[claim.held_by] = (claim, thread)
            thread.start()
        return True

    def _do(self, claim: Claim) -> None:
        try:
            outcome = self._perform(claim)
            while not self._settled(claim, outcome):
                if self._stopping.wait(TROUBLE_SECONDS):
                    break
        except Exception:
            log.exception("job %s could not be settled", claim.job_id)
        finally:
            with self._lock:
                del self._held[claim.held_by]
                child = self._children.pop(claim.held_by, None)
            if child is not None:
                child.close()
            self._woken.set()

    def _perform(self, claim: Claim) -> Outcome:
        job = self._jobs[claim.kind]
        if not job.is_heavy:
            return perform(self._database, job.work, claim, self._stopping.is_set)
        outcome = perform_in_child(self._database, job.work, claim, lambda child: self._mind(claim, child))
        if outcome.error == WORKER_LOST and self._stopping.is_set():
            return Outcome(stop=Stop.GIVEN_BACK)
        return outcome

    def _mind(self, claim: Claim, child: BaseProcess) -> None:
        with self._lock:
            self._children[claim.held_by] = child
            if self._stopping.is_set():
                stop_child(child)

    def _settled(self, claim: Claim, outcome: Outcome) -> bool:
        try:
            self._settle(claim, outcome)
        except DatabaseUnavailable:
            log.warning("job %s (%s) can't be settled: the database does not answer", claim.job_id, claim.kind)
            return False
        return True

    def _settle(self, claim: Claim, outcome: Outcome) -> None:
        job, now = self._jobs[claim.kind], utc_now()
        if outcome.stop is Stop.LOST:
            return
        with self._database.session_scope() as session:
            if outcome.stop is Stop.CANCELLED:
                end_job(session, claim, status=JobStatus.CANCELLED, now=now)
            elif outcome.stop is Stop.GIVEN_BACK:
                put_back(session, claim, run_at=now)
            elif outcome.error is None:
                end_job(session, claim, status=JobStatus.DONE, now=now, result=outcome.result)
            elif outcome.may_try_again and claim.tries < job.tries:
                later = now + timedelta(seconds=job.wait_seconds * 2 ** (claim.tries - 1))
                put_back(session, claim, run_at=later, error=outcome.error)
            else:
                end_job(session, claim, status=JobStatus.FAILED, now=now, error=outcome.error)

    def _held_until(self) -> datetime:
        return utc_now() + timedelta(seconds=self._hold_seconds)
