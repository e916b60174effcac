"""Errors and violations a user can be told about: codes and parameters, never sentences.

Rooms raise them; edges translate them with `crm.i18n.texts.sentence`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

Param = str | int | float | None


@dataclasses.dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: a stable code, the values its sentence needs, the field it is about."""

    code: str
    field: str | None = None
    params: Mapping[str, Param] = dataclasses.field(default_factory=dict)


class CrmError(Exception):
    """Base of everything a user can mend; `code` names the sentence, `params` fill it."""

    code = "error"

    def __init__(self, code: str | None = None, **params: Param) -> None:
        self.code = code or type(self).code
        self.params: Mapping[str, Param] = params
        super().__init__(self.code, params)


class NotFound(CrmError):
    """The record does not exist, or the actor may not see it: the two look the same."""

    code = "not_found"


class Forbidden(CrmError):
    """The actor's role does not allow the action."""

    code = "forbidden"


class Refused(CrmError):
    """The input or the state breaks rules; `violations` lists all of them at once."""

    code = "refused"

    def __init__(self, violations: Sequence[Violation]) -> None:
        self.violations: tuple[Violation, ...] = tuple(violations)
        super().__init__(None)


class InvalidInput(Refused):
    """Values that no rule of the business is needed to refuse."""

    code = "invalid_input"


class StageRulesBroken(Refused):
    """`check_move` found violations; nothing was changed."""

    code = "stage_rules_broken"


class ChangedMeanwhile(CrmError):
    """Somebody saved the record after the actor had loaded it."""

    code = "changed_meanwhile"


class DealMovedMeanwhile(ChangedMeanwhile):
    """The deal is no longer on the stage, or of the version, that the actor saw."""

    code = "deal_moved_meanwhile"


class TooManyAttempts(CrmError):
    """A rate limit is spent; `retry_after_seconds` says when to come back."""

    code = "too_many_attempts"


class SignInRefused(CrmError):
    """Wrong e-mail or password, or an account that may not sign in: told alike."""

    code = "sign_in_refused"


class DatabaseUnavailable(CrmError):
    """The database is locked, read-only, full or gone; nothing was changed."""

    code = "database_unavailable"


def refuse_if_any(violations: Sequence[Violation]) -> None:
    """Raise InvalidInput when the list is not empty."""
    if violations:
        raise InvalidInput(violations)
