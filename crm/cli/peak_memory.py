"""How much memory a process and its children have held together; pages they share are counted once."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

_PROC = Path("/proc")
_EVERY_SECONDS = 0.1
_SELDOM_SECONDS = 2.0


class PeakMemory:
    """Watches from a process of its own while the block runs: a thread would not survive forking well."""

    def __init__(self, root: int | None = None) -> None:
        self._root = root or os.getpid()
        self._watcher: subprocess.Popen[str] | None = None
        self._megabytes: int | None = None

    def __enter__(self) -> PeakMemory:
        if (_PROC / str(self._root) / "smaps_rollup").exists():
            command = [sys.executable, __file__, str(self._root)]
            self._watcher = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> int | None:
        """Stop watching; return the most megabytes held at one moment, None where the system doesn't tell."""
        if self._watcher is not None:
            told, _errors = self._watcher.communicate()
            self._megabytes = int(told or 0) or None
            self._watcher = None
        return self._megabytes


def watch(root: str) -> int:
    """Look again and again until standard input ends; return megabytes."""
    peak_kb = 0
    while True:
        began = time.perf_counter()
        peak_kb = max(peak_kb, sum(_proportional_kb(process) for process in _family(root)))
        # Looking through gigabytes holds up the one looked at: a fiftieth of the time at most.
        pause = max(_EVERY_SECONDS, 50 * (time.perf_counter() - began))
        if select.select([sys.stdin], [], [], min(pause, _SELDOM_SECONDS))[0]:
            return round(peak_kb / 1024)


def _family(root: str) -> list[str]:
    family, place, own = [root], 0, str(os.getpid())
    while place < len(family):
        for listed in _PROC.glob(f"{family[place]}/task/*/children"):
            family += [process for process in _read(listed).split() if process != own]
        place += 1
    return family


def _proportional_kb(process: str) -> int:
    for line in _read(_PROC / process / "smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:  # the process has ended meanwhile
        return ""


if __name__ == "__main__":
    print(watch(sys.argv[1]))
