"""The fields of two records side by side: which differ, whose value is the better one, what a choice makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy.orm import Session

from crm.contacts.normalise import NOTE_LENGTH
from crm.duplicates.merge_values import Choices, Side
from crm.duplicates.row_values import Record
from crm.errors import Violation
from crm.matching.normalise.inns import is_valid as is_valid_inn
from crm.models import Deal, EntityType, FieldType, User
from crm.pipelines.reads import load_fields
from crm.pipelines.values import CUSTOM_PREFIX, FieldInfo

UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term")
_KINDS = {
    FieldType.TEXT: "text",
    FieldType.NUMBER: "number",
    FieldType.MONEY: "money",
    FieldType.DATE: "date",
    FieldType.CHOICE: "choice",
    FieldType.MULTI_CHOICE: "choice",
    FieldType.YES_NO: "yes_no",
}
_ONE = (Side.SURVIVOR, Side.MERGED)


@dataclass(frozen=True, slots=True)
class FieldRule:
    """A field of a type of record; the first column tells whether it is filled, all of them go together."""

    name: str
    columns: tuple[str, ...]
    kind: str
    rule: str  # which value is the default where both have one
    label: str | None = None
    info: FieldInfo | None = None


@dataclass(frozen=True, slots=True)
class FieldState:
    """A field with both values and the default choice."""

    rule: FieldRule
    survivor: tuple[Any, ...]
    merged: tuple[Any, ...]
    default: Side
    why: str
    offered: tuple[Side, ...] = field(default=_ONE)

    @property
    def differs(self) -> bool:
        """Tell whether there is something to choose."""
        return self.survivor != self.merged


RULES: Mapping[EntityType, tuple[FieldRule, ...]] = {
    EntityType.CONTACT: (
        FieldRule("name", ("name",), "text", "cleaner"),
        FieldRule("position", ("position",), "text", "kept"),
        FieldRule("company", ("company_id",), "reference", "kept"),
        FieldRule("note", ("note",), "note", "joined"),
        FieldRule("owner", ("owner_id",), "reference", "kept"),
    ),
    EntityType.COMPANY: (
        FieldRule("name", ("name",), "text", "cleaner"),
        FieldRule("inn", ("inn",), "text", "valid"),
        FieldRule("website", ("website",), "text", "kept"),
        FieldRule("address", ("address",), "text", "kept"),
        FieldRule("industry", ("industry",), "text", "kept"),
        FieldRule("note", ("note",), "note", "joined"),
        FieldRule("parent", ("parent_id",), "reference", "kept"),
        FieldRule("owner", ("owner_id",), "reference", "kept"),
    ),
    EntityType.DEAL: (
        FieldRule("title", ("title",), "text", "kept"),
        FieldRule("amount", ("amount_minor", "currency"), "money", "kept"),
        FieldRule("company", ("company_id",), "reference", "kept"),
        FieldRule("priority", ("priority",), "code", "kept"),
        FieldRule("source", ("source", *UTM), "text", "kept"),
        FieldRule("expected_close_on", ("expected_close_on",), "date", "kept"),
        FieldRule("owner", ("owner_id",), "reference", "kept"),  # another one takes the stay and the steps over
    ),
}


def field_states(session: Session, entity_type: EntityType, survivor: Record, merged: Record) -> list[FieldState]:
    """Return every field of two records with the default choice."""
    rules = [*RULES[entity_type], *(_custom_rules(session, survivor, merged))]
    pair = {survivor.id, merged.id}
    states = [_state(rule, _values(rule, survivor, pair), _values(rule, merged, pair)) for rule in rules]
    if isinstance(survivor, Deal) and not session.get_one(User, merged.owner_id).is_active:
        # Nobody who has left takes a deal on.
        return [replace(one, offered=(Side.SURVIVOR,)) if one.rule.name == "owner" else one for one in states]
    return states


def choice_violations(states: Iterable[FieldState], choices: Choices) -> list[Violation]:
    """Return what is wrong with choices: of an unknown field, of a side that isn't offered, or left out."""
    known = {state.rule.name: state for state in states}
    found = [Violation("merge_choice_unknown", name) for name in choices if name not in known]
    for name, state in known.items():
        chosen = choices.get(name)
        if chosen is not None and chosen not in state.offered:
            found.append(Violation("merge_choice_unknown", name))
        elif chosen is None and state.differs and state.why == "choose":
            found.append(Violation("merge_choice_needed", name))
    return found


def chosen_columns(states: Iterable[FieldState], choices: Choices, present: Record) -> dict[str, Any]:
    """Return the survivor's columns that change, with their new values."""
    wanted: dict[str, Any] = {}
    custom: dict[str, Any] = dict(getattr(present, "custom", {}))
    for state in states:
        values = _chosen(state, choices.get(state.rule.name, state.default))
        if state.rule.info is not None:
            _set_custom(custom, str(state.rule.info.id), values[0])
        else:
            wanted |= dict(zip(state.rule.columns, values, strict=True))
    if hasattr(present, "custom"):
        wanted["custom"] = custom
    return {name: value for name, value in wanted.items() if value != getattr(present, name)}


def taken_choices(states: Iterable[FieldState], choices: Choices) -> dict[str, str]:
    """Return the side taken for each field that differs, as the merge keeps it."""
    return {state.rule.name: choices.get(state.rule.name, state.default).value for state in states if state.differs}


def is_empty(value: Any) -> bool:
    """Tell whether a value says nothing."""
    return value is None or value in ("", [])


def fullness(record: Record, entity_type: EntityType) -> int:
    """Count the fields of a record that say something."""
    filled = sum(not is_empty(getattr(record, rule.columns[0])) for rule in RULES[entity_type])
    return filled + len(getattr(record, "custom", {}))


def _state(rule: FieldRule, first: tuple[Any, ...], second: tuple[Any, ...]) -> FieldState:
    if first == second:
        return FieldState(rule, first, second, Side.SURVIVOR, "kept")
    if is_empty(first[0]) or is_empty(second[0]):
        side = Side.SURVIVOR if is_empty(second[0]) else Side.MERGED
        return FieldState(rule, first, second, side, "filled")
    if rule.rule == "joined":
        if len(_joined(first[0], second[0])) <= NOTE_LENGTH:
            return FieldState(rule, first, second, Side.BOTH, "joined", (*_ONE, Side.BOTH))
        return FieldState(rule, first, second, Side.SURVIVOR, "kept")
    return FieldState(rule, first, second, *_better(rule.rule, first[0], second[0]))


def _better(rule: str, first: Any, second: Any) -> tuple[Side, str]:
    """Return the default of two values and why: the survivor's, unless a rule knows that the other one is better.

    One record with fields of two would describe neither.
    """
    if rule == "cleaner" and _is_clean(first) == _is_clean(second) and _says_more(second, first):
        return Side.MERGED, "fuller"
    is_good = _GOOD.get(rule)
    if is_good is None or is_good(first) == is_good(second):
        return Side.SURVIVOR, "choose" if rule == "valid" else "kept"
    return (Side.SURVIVOR if is_good(first) else Side.MERGED), rule


def _is_clean(name: str) -> bool:
    return sum(char.isdigit() for char in name) < 5  # no phone was typed into it


def _says_more(name: str, other: str) -> bool:
    return set(name.casefold().split()) > set(other.casefold().split())


_GOOD: Mapping[str, Callable[[Any], bool]] = {"cleaner": _is_clean, "valid": is_valid_inn}


def _values(rule: FieldRule, record: Record, pair: set[int]) -> tuple[Any, ...]:
    if rule.name == "parent" and getattr(record, "parent_id", None) in pair:
        return (None,)  # once they are one, neither is the other's parent
    if rule.info is not None:
        return (getattr(record, "custom", {}).get(str(rule.info.id)),)
    return tuple(getattr(record, column) for column in rule.columns)


def _chosen(state: FieldState, side: Side) -> tuple[Any, ...]:
    if side is Side.BOTH:
        parts = [text for text in (state.survivor[0], state.merged[0]) if not is_empty(text)]
        return (_joined(*parts),)
    return state.survivor if side is Side.SURVIVOR else state.merged


def _joined(*texts: str) -> str:
    return "\n\n".join(dict.fromkeys(texts))


def _set_custom(custom: dict[str, Any], key: str, value: Any) -> None:
    if value is None:
        custom.pop(key, None)
    else:
        custom[key] = value


def _custom_rules(session: Session, survivor: Record, merged: Record) -> list[FieldRule]:
    keys = {*getattr(survivor, "custom", {}), *getattr(merged, "custom", {})}
    if not keys:
        return []
    fields = [one for one in load_fields(session) if str(one.id) in keys]
    return [
        FieldRule(f"{CUSTOM_PREFIX}{one.id}", ("custom",), _KINDS[one.type], "kept", one.name, one) for one in fields
    ]
