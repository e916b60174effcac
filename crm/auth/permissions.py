"""The one table of what each role may do."""

from __future__ import annotations

from enum import StrEnum

from crm.actor import Actor
from crm.errors import Forbidden
from crm.models.codes import Role


class Action(StrEnum):
    """Everything a command or a page asks permission for."""

    WORK_DEALS = "work_deals"  # create, edit, move, close; next steps; notes
    REASSIGN_DEALS = "reassign_deals"
    OVERRIDE_RULES = "override_rules"  # pass a stage rule with a written reason
    REMOVE_DEALS = "remove_deals"
    SEE_EXCEPTIONS = "see_exceptions"  # rules passed, deals removed
    WORK_CLIENTS = "work_clients"
    REVIEW_DUPLICATES = "review_duplicates"  # the queue: merge, set apart, put off, undo
    MERGE_IN_BULK = "merge_in_bulk"  # many at once, and taking a batch back
    DESIGN_PIPELINES = "design_pipelines"
    IMPORT_RECORDS = "import_records"
    UNDO_IMPORTS = "undo_imports"
    EXPORT_RECORDS = "export_records"
    MANAGE_USERS = "manage_users"
    MANAGE_WORKSPACE = "manage_workspace"
    SEE_AUDIT = "see_audit"
    SEE_ANALYTICS = "see_analytics"
    SET_TARGETS = "set_targets"
    SHARE_VIEWS = "share_views"  # a saved view for everybody
    MANAGE_OWN_ACCOUNT = "manage_own_account"
    MANAGE_OWN_KEYS = "manage_own_keys"


_ALL = frozenset(Role)
_HEADS = frozenset({Role.HEAD, Role.ADMIN})
_ADMINS = frozenset({Role.ADMIN})

PERMISSIONS: dict[Action, frozenset[Role]] = {
    Action.WORK_DEALS: _ALL,
    Action.REASSIGN_DEALS: _HEADS,
    Action.OVERRIDE_RULES: _HEADS,
    Action.REMOVE_DEALS: _ADMINS,
    Action.SEE_EXCEPTIONS: _HEADS,
    Action.WORK_CLIENTS: _ALL,
    Action.REVIEW_DUPLICATES: _HEADS,
    Action.MERGE_IN_BULK: _ADMINS,
    Action.DESIGN_PIPELINES: _ADMINS,
    Action.IMPORT_RECORDS: _HEADS,
    Action.UNDO_IMPORTS: _ADMINS,
    Action.EXPORT_RECORDS: _HEADS,
    Action.MANAGE_USERS: _ADMINS,
    Action.MANAGE_WORKSPACE: _ADMINS,
    Action.SEE_AUDIT: _HEADS,
    Action.SEE_ANALYTICS: _ALL,
    Action.SET_TARGETS: _HEADS,
    Action.SHARE_VIEWS: _HEADS,
    Action.MANAGE_OWN_ACCOUNT: _ALL,
    Action.MANAGE_OWN_KEYS: _ALL,
}


def may(actor: Actor, action: Action) -> bool:
    """Tell whether the actor's role allows the action."""
    return actor.role in PERMISSIONS[action]


def require(actor: Actor, action: Action) -> None:
    """Refuse an action the actor's role does not allow.

    Errors: Forbidden.
    """
    if not may(actor, action):
        raise Forbidden(action=action.value)
