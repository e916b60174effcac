"""How much memory this process and its children have held together: shared pages are counted once."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType

_PROC = Path("/proc")
_EVERY_SECONDS = 0.25


class PeakMemory:
    """Watches from a thread while the block runs; `megabytes` is None where the system doesn't tell (not Linux)."""

    def __init__(self, root: int | None = None) -> None:
        self._root = str(root) if root is not None else "self"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._peak_kb = 0

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    @property
    def megabytes(self) -> int | None:
        """Return the most that was held at one moment."""
        self._look()
        return round(self._peak_kb / 1024) or None

    def _watch(self) -> None:
        self._look()
        while not self._over.wait(_EVERY_SECONDS):
            self._look()

    def _look(self) -> None:
        root = (_PROC / self._root).resolve().name
        self._peak_kb = max(self._peak_kb, sum(_proportional_kb(process) for process in _family(root)))


def _family(root: str) -> list[str]:
    family, place = [root], 0
    while place < len(family):
        for listed in _PROC.glob(f"{family[place]}/task/*/children"):
            family += _read(listed).split()
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
    except OSError:  # the process has ended meanwhile, or this is no Linux
        return ""
