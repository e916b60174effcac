"""The start of the process: a fit database or none at all, the way in, memory put in order."""

from __future__ import annotations

import gc
import os
import sys
from typing import NoReturn

from sqlalchemy import text

from crm.auth.passwords import warm_up
from crm.auth.setup import prepare_first_start
from crm.clock import utc_now
from crm.db import get_database, read_scope, session_scope
from crm.db.migrate import is_current
from crm.errors import CrmError, Refused
from crm.i18n import _, known_language, reader
from crm.i18n.texts import error_sentence, violation_sentence
from crm.settings import get_settings

UNFIT = 3  # the exit code Uvicorn uses for a start that failed


def start() -> None:
    """Check the database, print the way in; end the process where it can't serve."""
    with reader(known_language(os.environ.get("LANG"))):
        try:
            link = _prepare_database()
        except CrmError as error:
            _refuse(_told(error))
        warm_up()
        _say(f"Voronka CRM: {get_settings().public_url}")
        if link:
            _say(_("First start. Make the first administrator here, within 24 hours:") + f"\n  {link}")
    # Streamlit collects garbage after every run of a page; what lives for ever need not be looked at.
    gc.collect()
    gc.freeze()


def _prepare_database() -> str | None:
    with read_scope() as session:
        session.execute(text("SELECT 1"))
    if not is_current(get_database()):
        _refuse(_("The database is not at this version's schema. Run `make migrate`, then start again."))
    with session_scope() as session:
        return prepare_first_start(session, utc_now())


def _refuse(why: str) -> NoReturn:
    _say(why)
    # Not sys.exit: under the server it would end in three screens of traceback, and nothing is open yet.
    os._exit(UNFIT)


def _told(error: CrmError) -> str:
    violations = error.violations if isinstance(error, Refused) else ()
    return " ".join([error_sentence(error), *(f"{one.field}: {violation_sentence(one)}" for one in violations)])


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the console is where the first link belongs
