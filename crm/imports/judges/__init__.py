"""One judge per kind of record: each looks at a batch of rows and says what to do with every one, writing nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from crm.imports.fields import RecordKind
from crm.imports.formats import Row
from crm.imports.judged import Judged
from crm.imports.judges.companies import judge_companies
from crm.imports.judges.contacts import judge_contacts
from crm.imports.judges.deals import judge_deals
from crm.imports.judges.users import judge_users
from crm.imports.prepare import Prepared, PreparedFile
from crm.imports.world import World

Judge = Callable[[Session, World, Prepared, PreparedFile, Sequence[Row]], list[Judged[Any]]]

# Values of choice fields are judged with the set-up: they are part of the structure.
JUDGES: Mapping[RecordKind, Judge] = {
    RecordKind.USERS: judge_users,
    RecordKind.COMPANIES: judge_companies,
    RecordKind.CONTACTS: judge_contacts,
    RecordKind.DEALS: judge_deals,
}
