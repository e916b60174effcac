"""Everything rows refer to, as it is and as this import makes it; a dry run gives new records negative ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.contacts.normalise import Point
from crm.i18n import _, reader
from crm.imports.clients_known import CompaniesKnown, ContactsKnown, ForeignIds, load_companies
from crm.imports.fields import RecordKind
from crm.imports.mapping import ImportMapping, folded
from crm.imports.people import People, load_people
from crm.imports.prepare import Prepared, PreparedFile
from crm.imports.visits.rows import DealRows, read_visits
from crm.models import Workspace
from crm.pipelines.reads import list_pipelines, load_fields, load_pipeline
from crm.pipelines.values import FieldInfo, LossReasonInfo, PipelineInfo

END_OF_DAY = time(18, 0)


@dataclass(frozen=True, slots=True)
class Place:
    """What the company's settings decide about values."""

    zone: ZoneInfo
    region: str
    currency: str
    language: str


@dataclass(frozen=True, slots=True)
class NewCompany:
    """A company that another record names and that is not there yet."""

    name: str
    inn: str | None
    owner_id: int


@dataclass(frozen=True, slots=True)
class NewContact:
    """A person whom a deal names and who is not there yet."""

    name: str
    position: str | None
    company_id: int | None
    points: tuple[Point, ...]
    note: str | None
    owner_id: int


class World:
    """What judges look things up in and writers add to; one for the whole run of an import."""

    def __init__(self, session: Session, actor: Actor, prepared: Prepared, now: datetime, *, is_dry_run: bool) -> None:
        mapping = prepared.mapping
        self.actor = actor
        self.now = now
        self.is_dry_run = is_dry_run
        self.mapping = mapping
        self.place = _place(session, actor, mapping)
        self.people: People = load_people(session, actor)
        self.pipelines: dict[str, PipelineInfo] = {}
        self._archived: tuple[PipelineInfo, ...] = ()
        self.fields: dict[str, FieldInfo] = {}
        self.reload_funnels(session)
        wants_clients = any(file.kind not in {RecordKind.USERS, RecordKind.OPTIONS} for file in prepared.files)
        self.companies = load_companies(session, actor) if wants_clients else CompaniesKnown()
        self.contacts = ContactsKnown()
        self.foreign = {entity: ForeignIds(mapping.system, entity) for entity in ("company", "contact", "deal")}
        self.new_teams: dict[int, str] = {}
        self.new_companies: dict[int, NewCompany] = {}
        self.new_contacts: dict[int, NewContact] = {}
        self.company_names: frozenset[str] = frozenset()  # keys of all names in the files of companies
        self.seen: dict[tuple[str, int], int] = {}  # line of the row that made or changed a record of this import
        self.made_ids: Counter[str] = Counter()
        self.visits: dict[str, tuple[DealRows, ...]] = {}  # by file, once it has been read
        self.bare_deals: frozenset[int] = frozenset()  # made by this import's file of deals; visits are their history
        self.new_deals: dict[int, Mapping[str, Any]] = {}  # columns of deals that a dry run has promised
        self._real: dict[int, int] = {}
        self._last_new_id = 0

    def visits_in(self, prepared: Prepared, file: PreparedFile) -> tuple[DealRows, ...]:
        """Return a file of visits, read once."""
        if file.name not in self.visits:
            self.visits[file.name] = read_visits(prepared, file, self.place.zone)
        return self.visits[file.name]

    def reload_funnels(self, session: Session) -> None:
        """Read pipelines and custom fields anew."""
        everything = [load_pipeline(session, one.id) for one in list_pipelines(session, with_archived=True)]
        self._archived = tuple(pipeline for pipeline in everything if pipeline.is_archived)
        self.pipelines = {folded(pipeline.name): pipeline for pipeline in everything if not pipeline.is_archived}
        self.fields = {folded(field.name): field for field in load_fields(session) if field.is_active}

    @property
    def default_pipeline(self) -> PipelineInfo | None:
        """Return the pipeline of deals that name none: the mapping's, else the first."""
        if self.mapping.pipeline:
            return self.pipelines.get(folded(self.mapping.pipeline))
        return next(iter(self.pipelines.values()), None)

    def pipeline(self, pipeline_id: int) -> PipelineInfo:
        """Return a pipeline by id, one put away too."""
        return next(one for one in (*self.pipelines.values(), *self._archived) if one.id == pipeline_id)

    @property
    def default_reason(self) -> str:
        """Return the name of the reason for lost deals that name none."""
        if self.mapping.loss_reason:
            return self.mapping.loss_reason
        with reader(self.place.language):
            return _("Not stated in the imported data")

    @property
    def step_text(self) -> str:
        """Return the text of the next step planned for open deals without one."""
        if self.mapping.step.text:
            return self.mapping.step.text
        with reader(self.place.language):
            return _("Review the imported deal")

    @property
    def step_due_at(self) -> datetime:
        """Return when that step is due: some days from now, at the end of the working day."""
        day = self.now.astimezone(self.place.zone).date() + timedelta(days=self.mapping.step.in_days)
        return self.end_of_day(datetime.combine(day, time(), self.place.zone))

    def end_of_day(self, moment: datetime) -> datetime:
        """Return the end of the working day that an instant falls on."""
        local = datetime.combine(moment.astimezone(self.place.zone).date(), END_OF_DAY, self.place.zone)
        return local.astimezone(UTC)

    def new_id(self) -> int:
        """Return an id for a record that is not written yet."""
        self._last_new_id -= 1
        return self._last_new_id

    def settle(self, new_id: int, real_id: int) -> None:
        """Say under which id a new record was written."""
        self._real[new_id] = real_id

    def is_written(self, record_id: int) -> bool:
        """Tell whether a record has its row."""
        return record_id > 0 or record_id in self._real

    def real_id(self, record_id: int) -> int:
        """Return the id of a record's row."""
        return record_id if record_id > 0 else self._real[record_id]

    def real_or_none(self, record_id: int | None) -> int | None:
        """Return the id of a record's row, None for none."""
        return None if record_id is None else self.real_id(record_id)

    def add_reason(self, pipeline: PipelineInfo, reason: LossReasonInfo) -> None:
        """Make a reason of loss known in a pipeline."""
        self.pipelines[folded(pipeline.name)] = replace(pipeline, loss_reasons=(*pipeline.loss_reasons, reason))


def _place(session: Session, actor: Actor, mapping: ImportMapping) -> Place:
    workspace = session.get(Workspace, 1)
    # Before the set-up there is no company yet; the command line may import all the same.
    timezone = mapping.timezone or (workspace.timezone if workspace else actor.timezone)
    return Place(
        zone=ZoneInfo(timezone),
        region=workspace.phone_region if workspace else "RU",
        currency=mapping.currency or (workspace.currency if workspace else "RUB"),
        language=workspace.language if workspace else actor.language,
    )
