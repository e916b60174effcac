"""Codes stored in columns: the closed lists that logic goes by, never by names."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Role(StrEnum):
    """What a user may do; `crm.auth.permissions` holds the table."""

    MANAGER = "manager"
    HEAD = "head"
    ADMIN = "admin"


class Scope(StrEnum):
    """Whose deals and clients a role sees."""

    OWN = "own"
    TEAM = "team"
    ALL = "all"


class Channel(StrEnum):
    """Through which door a change came."""

    UI = "ui"
    API = "api"
    IMPORT = "import"
    CLI = "cli"
    SYSTEM = "system"


class StageKind(StrEnum):
    """What being on a stage means."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


class DealStatus(IntEnum):
    """The kind of the deal's stage, kept on the deal for indexes."""

    OPEN = 0
    WON = 1
    LOST = 2
    REMOVED = 3  # taken out by an admin: seen nowhere but among the removed, may come back
    MERGED = 4  # a duplicate put into another deal: hidden, its history shown there


class Priority(IntEnum):
    """How much of a manager's time a deal deserves; sorts hot first."""

    HOT = 0
    WARM = 1
    COLD = 2


class FieldType(StrEnum):
    """Type of a custom field on deals."""

    TEXT = "text"
    NUMBER = "number"
    MONEY = "money"
    DATE = "date"
    CHOICE = "choice"
    MULTI_CHOICE = "multi_choice"
    YES_NO = "yes_no"


class VisitOutcome(StrEnum):
    """How a stay on a stage ended; `open` while it lasts."""

    OPEN = "open"
    FORWARD = "forward"
    BACK = "back"
    WON = "won"
    LOST = "lost"
    HANDOVER = "handover"
    REMOVED = "removed"
    DUPLICATE = "duplicate"  # the deal was merged into another one


class PointKind(StrEnum):
    """Kind of a contact point."""

    PHONE = "phone"
    EMAIL = "email"
    TELEGRAM = "telegram"
    WEBSITE = "website"


class StepKind(StrEnum):
    """Kind of a next step."""

    CALL = "call"
    MEETING = "meeting"
    EMAIL = "email"
    OFFER = "offer"
    REVIEW = "review"
    OTHER = "other"


class StepResult(StrEnum):
    """How a next step ended."""

    REACHED = "reached"
    NO_ANSWER = "no_answer"
    DONE = "done"
    CANCELLED = "cancelled"


class ActivityKind(StrEnum):
    """Kind of a contact with the client, or a note about one."""

    NOTE = "note"
    CALL = "call"
    MESSAGE = "message"
    MEETING = "meeting"


class Direction(StrEnum):
    """Who began a call or a message."""

    IN = "in"
    OUT = "out"


class TokenKind(StrEnum):
    """What a one-time link opens."""

    SETUP = "setup"
    INVITE = "invite"
    RESET = "reset"


class ImportStatus(StrEnum):
    """Where an import stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"


class RowVerdict(StrEnum):
    """What an import did with one row."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    FAILED = "failed"


class RequirementMoment(StrEnum):
    """When a stage asks for a field: at entering it, or at leaving it forward."""

    ENTRY = "entry"
    EXIT = "exit"


class LinkTrigger(StrEnum):
    """What sets a link between pipelines off."""

    WON = "won"
    LOST = "lost"
    STAGE = "stage"


class LinkKind(StrEnum):
    """What the new deal is to the one it came from."""

    CONTINUATION = "continuation"
    REPEAT_SALE = "repeat_sale"
    REFUSAL_WORK = "refusal_work"
    RETURN = "return"  # a refused client buys after all: credited to both sources
    REFUND = "refund"


class LinkOwner(StrEnum):
    """Who gets the new deal."""

    SAME = "same"
    TEAM_HEAD = "team_head"
    USER = "user"


class LinkRunStatus(StrEnum):
    """Where one firing of a link stands."""

    WAITING = "waiting"
    CREATED = "created"
    NOTED = "noted"  # an open deal of this link was there already and got a note
    SKIPPED = "skipped"


class ObjectionKind(StrEnum):
    """Whether a client means what is said."""

    REAL = "real"
    PRETENDED = "pretended"
    UNKNOWN = "unknown"


class ObjectionOutcome(StrEnum):
    """What became of an objection."""

    OPEN = "open"
    OVERCOME = "overcome"
    NOT_OVERCOME = "not_overcome"


class LintOccasion(StrEnum):
    """Why a pipeline was looked over."""

    SAVE = "save"
    DEMAND = "demand"
    SCHEDULE = "schedule"


class EntityType(StrEnum):
    """What is matched and merged."""

    CONTACT = "contact"
    COMPANY = "company"
    DEAL = "deal"


class PairState(StrEnum):
    """Where a pair that may be the same stands."""

    OPEN = "open"
    SNOOZED = "snoozed"
    MERGED = "merged"
    NOT_DUPLICATE = "not_duplicate"
    GONE = "gone"  # no longer alike, or one of the two is no more


class PairSource(StrEnum):
    """How a pair was found."""

    INTAKE = "intake"
    BATCH = "batch"
    BRIDGE = "bridge"  # a record that has a strong identifier of each of the two


class MergeBatchStatus(StrEnum):
    """Where a bulk merge stands."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    ROLLED_BACK = "rolled_back"


class JobKind(StrEnum):
    """What a background job does; `crm/worker/kinds.py` says how."""

    DUE_LINKS = "due_links"
    LINT_PIPELINES = "lint_pipelines"
    TIDY = "tidy"
    SCAN_BASE = "scan_base"
    MATCH_CHANGED = "match_changed"
    MERGE_BATCH = "merge_batch"
    UNDO_BATCH = "undo_batch"
    RETRACE = "retrace"
    TRUST_DAY = "trust_day"


class JobStatus(StrEnum):
    """Where a background job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ReachOutcome(IntEnum):
    """What became of a deal on a stage that it reached."""

    OPEN = 0  # it is still open and has not gone further
    PASSED = 1  # it reached a later stage, or was won
    LOST = 2  # it was lost without ever going further


class TargetMetric(StrEnum):
    """What a plan counts."""

    WON_SUM = "won_sum"
    WON_DEALS = "won_deals"
    NEW_DEALS = "new_deals"
