"""Entry of `python -m crm.worker`: background work beside servers that run with CRM_WORKER=outside."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading

from crm.db import get_database
from crm.db.migrate import is_current
from crm.errors import CrmError
from crm.i18n import _, known_language, reader
from crm.i18n.texts import error_sentence
from crm.worker.loop import Worker

UNFIT = 3  # as the server's


def main() -> int:
    """Work until told to stop."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_frame: told.set())
    with reader(known_language(os.environ.get("LANG"))):
        why = _unfit()
        if why:
            print(why, file=sys.stderr)  # noqa: T201 - the console is where this belongs
            return UNFIT
    database = get_database()
    worker = Worker(database)
    worker.start()
    told.wait()
    worker.stop()
    database.close()
    return 0


def _unfit() -> str:
    try:
        current = is_current(get_database())
    except CrmError as error:
        return error_sentence(error)
    return "" if current else _("The database is not at this version's schema. Run `make migrate`, then start again.")


if __name__ == "__main__":
    sys.exit(main())
