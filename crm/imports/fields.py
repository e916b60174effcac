"""What can be imported: kinds of records and, for each, the fields that columns of a file may fill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from crm.i18n import N_, _

CUSTOM = "custom."  # "custom.Product" is the deals' custom field of that name


class RecordKind(StrEnum):
    """What the rows of a file are, in the order files are imported."""

    USERS = "users"
    OPTIONS = "options"
    COMPANIES = "companies"
    CONTACTS = "contacts"
    DEALS = "deals"
    VISITS = "visits"


@dataclass(frozen=True, slots=True)
class ImportField:
    """A field that columns may fill; `words` are how headers of other systems call it, lower case.

    `is_date` fields take part in sniffing the order of day, month and year.
    """

    code: str
    name: str
    words: tuple[str, ...] = ()
    is_required: bool = False
    is_date: bool = False


_EXTERNAL = ImportField("external_id", N_("Id in the other system"), ("id", "ид", "opportunity_id", "deal_id", "номер"))
_OWNER = ImportField(
    "owner", N_("Owner"),
    ("owner", "responsible", "manager", "sales_agent", "ответственный", "менеджер", "agent"),
)  # fmt: skip
_NOTE = ImportField("note", N_("Note"), ("note", "notes", "comment", "примечание", "комментарий", "описание"))
_PHONE = ImportField("phone", N_("Phone"), ("phone", "telephone", "mobile", "телефон", "рабочий телефон", "тел"))
_EMAIL = ImportField("email", N_("E-mail"), ("email", "e-mail", "mail", "почта", "рабочий email", "эл. почта"))
_CREATED = ImportField(
    "created_on", N_("Created on"), ("created", "created at", "created_on", "дата создания", "создано"), is_date=True
)

# Headers that mean the time of a visit only where nothing speaks for a list of deals.
UNSURE_TIMES = ("date", "time", "datetime", "дата", "время")

FIELDS: Mapping[RecordKind, tuple[ImportField, ...]] = {
    RecordKind.USERS: (
        ImportField("name", N_("Name"), ("name", "sales_agent", "имя", "сотрудник", "фио"), is_required=True),
        _EMAIL,
        ImportField("team", N_("Team"), ("team", "department", "regional_office", "отдел", "команда")),
        ImportField("head", N_("Head of the team"), ("head", "manager", "руководитель", "роп")),
    ),
    RecordKind.OPTIONS: (
        ImportField("option", N_("Value"), ("product", "value", "товар", "значение", "название"), is_required=True),
    ),
    RecordKind.COMPANIES: (
        ImportField("name", N_("Name"), ("name", "account", "company", "название", "компания"), is_required=True),
        _EXTERNAL,
        ImportField("inn", N_("INN"), ("inn", "инн", "tax id", "vat")),
        _PHONE,
        _EMAIL,
        ImportField("website", N_("Website"), ("website", "site", "web", "сайт")),
        ImportField("address", N_("Address"), ("address", "office_location", "адрес", "город")),
        ImportField("industry", N_("Industry"), ("industry", "sector", "отрасль", "сфера деятельности")),
        ImportField("parent", N_("Parent company"), ("parent", "subsidiary_of", "головная компания", "холдинг")),
        _OWNER,
        _NOTE,
        _CREATED,
    ),
    RecordKind.CONTACTS: (
        ImportField("name", N_("Name"), ("name", "full name", "contact", "имя", "фио", "контакт"), is_required=True),
        _EXTERNAL,
        ImportField("position", N_("Job title"), ("position", "job title", "должность")),
        ImportField("company", N_("Company"), ("company", "account", "компания", "организация")),
        _PHONE,
        _EMAIL,
        ImportField("telegram", N_("Telegram"), ("telegram", "телеграм", "телеграмм")),
        _OWNER,
        _NOTE,
        _CREATED,
    ),
    RecordKind.DEALS: (
        ImportField(
            "title", N_("Title"), ("title", "deal", "name", "deal name", "сделка", "название", "название сделки"),
            is_required=True,
        ),
        _EXTERNAL,
        ImportField("stage", N_("Stage"), ("stage", "deal_stage", "status", "этап", "стадия", "этап сделки", "статус")),
        ImportField("pipeline", N_("Pipeline"), ("pipeline", "funnel", "воронка")),
        _OWNER,
        ImportField(
            "amount", N_("Amount"), ("amount", "close_value", "value", "budget", "price", "сумма", "бюджет", "цена")
        ),
        ImportField("currency", N_("Currency"), ("currency", "валюта")),
        ImportField("company", N_("Company"), ("company", "account", "client", "компания", "клиент", "организация")),
        ImportField("inn", N_("INN of the company"), ("inn", "инн", "инн компании")),
        ImportField("contact", N_("Contact"), ("contact", "contact name", "основной контакт", "контакт", "фио")),
        ImportField("contact_position", N_("Contact's job title"), ("position", "должность")),
        ImportField("phone", N_("Contact's phone"), _PHONE.words),
        ImportField("email", N_("Contact's e-mail"), _EMAIL.words),
        ImportField("priority", N_("Priority"), ("priority", "приоритет")),
        _CREATED,
        ImportField(
            "closed_on", N_("Closed on"),
            ("closed", "close_date", "closed at", "дата закрытия", "закрыто"), is_date=True,
        ),
        ImportField("expected_close_on", N_("Expected close"), ("expected close", "ожидаемое закрытие"), is_date=True),
        ImportField("loss_reason", N_("Reason of loss"), ("loss reason", "lost reason", "причина отказа")),
        ImportField("loss_note", N_("Note on the loss"), ("loss note",)),
        ImportField("next_step", N_("Next step"), ("next step", "task", "следующий шаг", "задача", "ближайшая задача")),
        ImportField("next_step_on", N_("Next step is due on"), ("due", "due date", "срок задачи"), is_date=True),
        ImportField("source", N_("Source"), ("source", "lead source", "источник")),
        ImportField("utm_source", N_("UTM source"), ("utm_source",)),
        ImportField("utm_medium", N_("UTM medium"), ("utm_medium",)),
        ImportField("utm_campaign", N_("UTM campaign"), ("utm_campaign",)),
        ImportField("utm_content", N_("UTM content"), ("utm_content",)),
        ImportField("utm_term", N_("UTM term"), ("utm_term",)),
        _NOTE,
    ),
    RecordKind.VISITS: (
        ImportField(
            "deal", N_("Deal"),
            ("deal", "deal id", "deal_id", "case id", "case_id", "caseid", "case:concept:name", "case",
             "opportunity_id", "opportunity id", "opportunity", "lead id", "lead_id", "trace", "deal name",
             "сделка", "id сделки",             "ид сделки", "номер сделки", "сделка id",
             "№ сделки", "лид", "id лида", "id", "ид", "номер"),
            is_required=True,
        ),
        ImportField(
            "stage", N_("Stage"),
            ("stage", "concept:name", "activity", "activity name", "stage name", "to stage", "new stage", "deal_stage",
             "event", "event name", "task", "status", "этап", "стадия", "новый этап", "этап сделки", "стадия сделки",
             "название этапа", "активность", "операция", "событие", "статус"),
            is_required=True,
        ),
        ImportField(
            "entered_at", N_("Entered at"),
            ("entered at", "entered_at", "entered", "stage entered at", "entered on", "entry", "start timestamp",
             "start_timestamp", "starttimestamp", "starttime", "start time", "moved at", "changed at", "event time",
             "time:timestamp", "timestamp", "complete timestamp", "complete_timestamp", "completetimestamp",
             "completetime", "complete time", "enter time", "entry time", "at",
             "вход", "вошла", "вошел", "дата входа", "время входа", "вход на этап", "дата входа на этап",
             "дата перехода", "время перехода", "дата изменения", "дата события", "время события", "дата и время",
             "метка времени", "начало", *UNSURE_TIMES),
            is_required=True, is_date=True,
        ),
        ImportField(
            "left_at", N_("Left at"),
            ("left at", "left_at", "left", "exit", "exited", "exited at", "exit time", "stage left at",
             "end timestamp", "end_timestamp",
             "endtime", "end time", "complete timestamp", "complete_timestamp", "completetimestamp", "completetime",
             "complete time", "time:timestamp", "timestamp", "выход", "вышла",
             "вышел", "дата выхода", "время выхода", "выход с этапа", "дата выхода с этапа", "конец", "окончание"),
            is_date=True,
        ),
        ImportField(
            "owner", N_("Owner"),
            (*_OWNER.words, "org:resource", "resource", "user", "employee", "responsible user", "owner name",
             "sales rep", "rep",
             "исполнитель", "сотрудник", "пользователь", "ответственный сотрудник", "владелец", "ресурс"),
        ),
        ImportField(
            "outcome", N_("Outcome"),
            ("outcome", "result", "visit outcome", "deal outcome", "исход", "результат", "итог"),
        ),
        ImportField(
            "loss_reason", N_("Reason of loss"),
            ("loss reason", "lost reason", "loss_reason", "lost_reason", "reason", "причина отказа", "причина",
             "причина потери", "причина закрытия"),
        ),
        ImportField(
            "amount", N_("Amount"),
            ("amount", "close_value", "value", "budget", "price", "case:amount", "сумма", "бюджет", "цена",
             "сумма сделки"),
        ),
        ImportField("currency", N_("Currency"), ("currency", "case:currency", "валюта")),
        ImportField("source", N_("Source"), ("source", "lead source", "channel", "case:source", "источник", "канал")),
        ImportField("pipeline", N_("Pipeline"), ("pipeline", "funnel", "process", "воронка", "процесс")),
        ImportField("title", N_("Title"), ("title", "deal title", "case title", "название", "название сделки", "name")),
    ),
}  # fmt: skip

_KIND_NAMES: Mapping[RecordKind, str] = {
    RecordKind.USERS: N_("People and teams"),
    RecordKind.OPTIONS: N_("Values of a choice field"),
    RecordKind.COMPANIES: N_("Companies"),
    RecordKind.CONTACTS: N_("Contacts"),
    RecordKind.DEALS: N_("Deals"),
    RecordKind.VISITS: N_("History of deals"),
}


def kind_name(kind: RecordKind) -> str:
    """Return the reader's name of a kind of records."""
    return _(_KIND_NAMES[kind])


def field_of(kind: RecordKind, code: str) -> ImportField | None:
    """Return a built-in field of a kind, None for a custom or an unknown one."""
    return next((field for field in FIELDS[kind] if field.code == code), None)


def import_field_name(kind: RecordKind, code: str) -> str:
    """Return the reader's name of a field, built-in or custom."""
    field = field_of(kind, code)
    return _(field.name) if field else code.removeprefix(CUSTOM)


def is_known_field(kind: RecordKind, code: str) -> bool:
    """Tell whether columns may fill the field."""
    is_custom = kind is RecordKind.DEALS and code.startswith(CUSTOM) and len(code) > len(CUSTOM)
    return is_custom or field_of(kind, code) is not None
