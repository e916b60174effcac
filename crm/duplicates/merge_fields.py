"""The fields of two records side by side: which differ, whose value is the better one, what a choice makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.contacts.normalise import NOTE_LENGTH
from crm.duplicates.merge_values import Choices, Side
from crm.duplicates.row_values import Record
from crm.errors import Violation
from crm.models import Deal, EntityType, Event, FieldType, User
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
        FieldRule("name", ("name",), "text", "fullest"),
        FieldRule("position", ("position",), "text", "newest"),
        FieldRule("company", ("company_id",), "reference", "newest"),
        FieldRule("note", ("note",), "note", "joined"),
        FieldRule("owner", ("owner_id",), "reference", "kept"),
    ),
    EntityType.COMPANY: (
        FieldRule("name", ("name",), "text", "fullest"),
        FieldRule("inn", ("inn",), "text", "choose"),
        FieldRule("website", ("website",), "text", "newest"),
        FieldRule("address", ("address",), "text", "fullest"),
        FieldRule("industry", ("industry",), "text", "newest"),
        FieldRule("note", ("note",), "note", "joined"),
        FieldRule("parent", ("parent_id",), "reference", "newest"),
        FieldRule("owner", ("owner_id",), "reference", "kept"),
    ),
    EntityType.DEAL: (
        FieldRule("title", ("title",), "text", "kept"),
        FieldRule("amount", ("amount_minor", "currency"), "money", "kept"),
        FieldRule("company", ("company_id",), "reference", "newest"),
        FieldRule("priority", ("priority",), "code", "hottest"),
        FieldRule("source", ("source", *UTM), "text", "oldest"),
        FieldRule("expected_close_on", ("expected_close_on",), "date", "newest"),
        FieldRule("owner", ("owner_id",), "reference", "kept"),  # another one takes the stay and the steps over
    ),
}


def field_states(session: Session, entity_type: EntityType, survivor: Record, merged: Record) -> list[FieldState]:
    """Return every field of two records with the default choice."""
    newer = _changed_last(session, entity_type, survivor, merged)
    older = Side.SURVIVOR if (survivor.created_at, survivor.id) <= (merged.created_at, merged.id) else Side.MERGED
    sides = {"newest": newer, "oldest": older}
    rules = [*RULES[entity_type], *(_custom_rules(session, survivor, merged))]
    pair = {survivor.id, merged.id}
    states = [_state(rule, _values(rule, survivor, pair), _values(rule, merged, pair), sides) for rule in rules]
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


def _state(rule: FieldRule, first: tuple[Any, ...], second: tuple[Any, ...], sides: Mapping[str, Side]) -> FieldState:
    if first == second:
        return FieldState(rule, first, second, Side.SURVIVOR, "kept")
    if is_empty(first[0]) or is_empty(second[0]):
        side = Side.SURVIVOR if is_empty(second[0]) else Side.MERGED
        return FieldState(rule, first, second, side, "filled")
    if rule.rule == "joined":
        if len(_joined(first[0], second[0])) <= NOTE_LENGTH:
            return FieldState(rule, first, second, Side.BOTH, "joined", (*_ONE, Side.BOTH))
        return FieldState(rule, first, second, Side.SURVIVOR, "kept")
    side, why = _better(rule.rule, first[0], second[0], sides)
    return FieldState(rule, first, second, side, why)


def _better(rule: str, first: Any, second: Any, sides: Mapping[str, Side]) -> tuple[Side, str]:
    if rule in sides:
        return sides[rule], rule
    rank = _RANKS.get(rule)
    if rank is None:
        return Side.SURVIVOR, rule  # kept, choose
    if rank(first) == rank(second):
        return Side.SURVIVOR, "kept"
    return (Side.MERGED if rank(second) > rank(first) else Side.SURVIVOR), rule


def _how_full(text: str) -> tuple[bool, int, int]:
    # A phone typed into a name makes it longer, not fuller.
    return sum(char.isdigit() for char in text) < 5, len(text.split()), len(text)


_RANKS: Mapping[str, Callable[[Any], Any]] = {"fullest": _how_full, "hottest": lambda priority: -int(priority)}


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
        FieldRule(f"{CUSTOM_PREFIX}{one.id}", ("custom",), _KINDS[one.type], "newest", one.name, one) for one in fields
    ]


def _changed_last(session: Session, entity_type: EntityType, survivor: Record, merged: Record) -> Side:
    ids = (survivor.id, merged.id)
    query = select(Event.entity_id, func.max(Event.id)).where(Event.entity == entity_type.value)
    newest = dict(session.execute(query.where(Event.entity_id.in_(ids)).group_by(Event.entity_id)).all())
    places = [(newest.get(one.id, 0), one.created_at, one.id) for one in (survivor, merged)]
    return Side.SURVIVOR if places[0] >= places[1] else Side.MERGED
