"""Descriptions of pipelines: what a file may say, how each mistake is told, and the way there and back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.errors import Forbidden, InvalidInput, Violation
from crm.i18n import reader
from crm.i18n.texts import violation_sentence
from crm.models import FieldType, LinkKind, LinkOwner, LinkTrigger, LossReason, Role, StageKind, StepKind, Team
from crm.pipelines.commands import STAGE_NAME_LIMIT
from crm.pipelines.descriptions import (
    Description,
    create_from_description,
    describe_pipelines,
    described_links,
    described_pipelines,
    description_from_names,
    description_from_text,
    read_description,
)
from crm.pipelines.descriptions.reading import MOST_BYTES, MOST_PROBLEMS, MOST_STAGES, is_bare_list
from crm.pipelines.descriptions.tables import read_length, written_length
from crm.pipelines.fields import ReasonPlan, add_loss_reason
from crm.pipelines.link_values import ConditionOp, LinkCondition
from crm.pipelines.links import list_links
from crm.pipelines.reads import list_pipelines, load_fields, load_pipeline
from crm.settings import ROOT
from tests.conftest import Cast
from tests.refusals import refused

LEAST = """
[[pipelines]]
name = "Sales"
[[pipelines.stages]]
name = "Contact made"
"""

WHOLE = """
[name]
ru = "Ателье"
en = "Tailor"

[[fields]]
key = "size"
type = "choice"
name = { ru = "Размер", en = "Size" }
hint = { ru = "По мерке", en = "As measured" }
options = [{ ru = "Малый", en = "Small" }, { ru = "Большой", en = "Large" }]
[[fields]]
key = "cloth"
type = "text"
name = { ru = "Ткань", en = "Cloth" }

[[pipelines]]
key = "orders"
name = { ru = "Заказы", en = "Orders" }
forward_only = false
no_skipping = false
creation_roles = ["head", "admin"]
won = { name = { ru = "Заказ оплачен", en = "Order paid" }, required = ["cloth"], color = "green" }
lost = { ru = "Заказ отменён", en = "Order cancelled" }
[[pipelines.stages]]
key = "measured"
name = { ru = "Мерки сняты", en = "Measures taken" }
exit_criterion = { ru = "Размер известен", en = "The size is known" }
norm = "1d 12h"
required_exit = ["size"]
step_kinds = ["meeting", "call"]
color = "blue"
[[pipelines.stages]]
key = "sewn"
name = { ru = "Заказ сшит", en = "Order sewn" }
required = ["size", "amount"]
accepts_new = true
win_percent = 60
[[pipelines.exceptions]]
role = "manager"
from = "measured"
to = "won"
allowed = false
[[pipelines.exceptions]]
role = "head"
from = "sewn"
to = "measured"

[[pipelines]]
key = "repairs"
name = { ru = "Починка", en = "Repairs" }
stands_alone = true
creation_roles = []
[[pipelines.stages]]
name = { ru = "Вещь принята", en = "Garment accepted" }
[[pipelines.loss_reasons]]
name = { ru = "Не чинится", en = "Beyond repair" }

[[loss_reasons]]
name = { ru = "Дорого", en = "Too dear" }
[[loss_reasons]]
name = { ru = "Другое", en = "Other" }
note_required = true
[[loss_reasons]]
name = { ru = "Проба", en = "A test" }
counts_as_loss = false

[[links]]
from = "orders"
trigger = "stage"
from_stage = "sewn"
to = "repairs"
kind = "repeat_sale"
copied = ["amount", "cloth"]
owner = "team_head"
delay = "30d"
cooldown = "7d"
max_rounds = 2
skip_if_open = true
first_step = { kind = "review", due = "2h", text = { ru = "Посмотреть", en = "Have a look" } }
[[links.conditions]]
field = "amount"
op = "at_least"
value = 1500.5
[[links.conditions]]
field = "size"
op = "is_one_of"
values = [{ ru = "Большой", en = "Large" }]
[[links.conditions]]
field = "cloth"
op = "filled"
[[links]]
from = "Orders"
trigger = "lost"
to = "Починка"
copied = []
active = false
[[links.conditions]]
field = "loss_reason"
op = "is_one_of"
values = [{ ru = "Дорого", en = "Too dear" }]
"""


def told(text: str | bytes) -> list[tuple[str, str | None]]:
    """Return code and place of what is wrong, each of which can be said in both languages."""
    with pytest.raises(InvalidInput) as caught:
        read_description(text)
    for language in ("ru", "en"):
        with reader(language):
            assert all(violation_sentence(one) for one in caught.value.violations)
    return [(one.code, one.field) for one in caught.value.violations]


def problems(content: str | bytes) -> tuple[Violation, ...]:
    """Return what is wrong with a text or a file, nothing where it can be read."""
    try:
        description_from_text(content, name="Sales")
    except InvalidInput as error:
        return error.violations
    return ()


def in_stage(line: str) -> str:
    return f"{LEAST}{line}\n"


# What a file may say


def test_least_description_is_a_pipeline_with_a_stage() -> None:
    read = read_description(LEAST)
    assert [one.name.spoken("ru") for one in read.pipelines] == ["Sales"]
    pipeline = read.pipelines[0]
    assert [stage.name.spoken("en") for stage in pipeline.stages] == ["Contact made"]
    assert (pipeline.forward_only, pipeline.no_skipping, pipeline.creation_roles) == (True, True, frozenset(Role))
    assert (pipeline.loss_reasons, read.links, read.fields) == ((), (), ())


def test_whole_description_is_read_to_the_last_setting() -> None:
    read = read_description(WHOLE)
    orders, repairs = read.pipelines
    size, cloth = read.fields
    assert (size.type, [one.spoken("ru") for one in size.options]) == (FieldType.CHOICE, ["Малый", "Большой"])
    assert (cloth.type, size.hint.spoken("en")) == (FieldType.TEXT, "As measured")
    assert (orders.forward_only, orders.no_skipping) == (False, False)
    assert orders.creation_roles == {Role.HEAD, Role.ADMIN}
    measured, sewn = orders.stages
    assert (measured.norm_seconds, measured.color) == (36 * 3600, "blue")
    assert (measured.step_kinds, measured.required_exit) == ((StepKind.MEETING, StepKind.CALL), ("size",))
    assert (sewn.required, sewn.accepts_new, sewn.win_percent) == (("size", "amount"), True, 60)
    assert (orders.won.name.spoken("ru"), orders.won.required, orders.won.color) == (
        "Заказ оплачен",
        ("cloth",),
        "green",
    )
    assert orders.lost.name.spoken("en") == "Order cancelled"
    assert [(one.role, one.from_stage, one.to_stage, one.is_allowed) for one in orders.exceptions] == [
        (Role.MANAGER, "measured", "won", False),
        (Role.HEAD, "sewn", "measured", True),
    ]
    assert [one.name.spoken("en") for one in orders.loss_reasons] == ["Too dear", "Other", "A test"]
    assert [one.name.spoken("en") for one in repairs.loss_reasons] == ["Beyond repair"]
    assert (repairs.stands_alone, repairs.stages[0].key) == (True, "stage_1")
    assert repairs.creation_roles == frozenset()
    first, second = read.links
    assert (first.from_pipeline, first.trigger, first.from_stage) == ("orders", LinkTrigger.STAGE, "sewn")
    assert (first.to_pipeline, first.kind, first.owner) == ("repairs", LinkKind.REPEAT_SALE, LinkOwner.TEAM_HEAD)
    assert (first.copied, first.delay_seconds, first.cooldown_seconds) == (("amount", "cloth"), 30 * 86400, 7 * 86400)
    assert (first.max_rounds, first.skip_if_open, first.moves) == (2, True, False)
    assert (first.step_kind, first.step_due_seconds, first.step_text.spoken("ru")) == (
        StepKind.REVIEW, 7200, "Посмотреть",
    )  # fmt: skip
    assert [(one.field, one.op, one.minor) for one in first.conditions] == [
        ("amount", ConditionOp.AT_LEAST, 150_050),
        ("size", ConditionOp.IS_ONE_OF, None),
        ("cloth", ConditionOp.FILLED, None),
    ]
    assert (second.from_pipeline, second.to_pipeline, second.copied) == ("orders", "repairs", ())
    assert (second.is_active, second.step_due_seconds) == (False, 86400)


def test_example_of_the_admin_guide_is_read() -> None:
    guide = (ROOT / "docs" / "admin.md").read_text(encoding="utf-8")
    read = read_description(guide.split("```toml\n")[1].split("```")[0])
    assert [one.name.spoken("en") for one in read.pipelines] == ["Sales"]
    assert [one.cooldown_seconds for one in read.links] == [30 * 86400]


def test_foreign_link_that_moves_is_read_and_never_created(session: Session, cast: Cast) -> None:
    text = f'{LEAST}[[links]]\nfrom = "Sales"\ntrigger = "won"\nto = "Sales"\nmode = "move"\nmax_rounds = 2\n'
    read = read_description(text)
    assert read.links[0].moves
    with refused(session, InvalidInput) as refusal:
        create_from_description(session, cast.vera, description=read, language="en")
    assert refusal.told == [("description_link_moves", "links[0].mode")]


def test_plain_text_serves_every_language_and_one_language_the_others() -> None:
    read = read_description('[[pipelines]]\nname = { ru = "Продажи" }\n[[pipelines.stages]]\nname = "Paid"')
    assert read.pipelines[0].name.spoken("en") == "Продажи"
    assert read.pipelines[0].stages[0].name.spoken("ru") == "Paid"


def test_file_with_a_byte_order_mark_and_windows_line_ends_is_read() -> None:
    assert read_description(b"\xef\xbb\xbf" + LEAST.replace("\n", "\r\n").encode()) == read_description(LEAST)


def test_names_keep_emoji_and_markup_as_they_are() -> None:
    read = read_description(LEAST.replace("Contact made", "🔥 <b>Счёт</b> ![x](y) 👨‍👩‍👧"))
    assert read.pipelines[0].stages[0].name.spoken("ru") == "🔥 <b>Счёт</b> ![x](y) 👨‍👩‍👧"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("15m", 900), ("4h", 14_400), ("1d 12h", 129_600), ("1d12h", 129_600), ("90d", 7_776_000), ("30s", 30),
     ("", None), ("15", None), ("m", None), ("1w", None), ("-1d", None), ("1.5h", None), ("99999999d", None),
     ("１５m", None)],
)  # fmt: skip
def test_length_of_time_is_read(text: str, seconds: int | None) -> None:
    assert read_length(text) == seconds


@given(st.integers(0, 10 * 366 * 86400))
def test_length_of_time_comes_back(seconds: int) -> None:
    assert read_length(written_length(seconds)) == seconds


# What is wrong with a file


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", ("description_empty", None)),
        (" \n\t", ("description_empty", None)),
        ("[[pipelines]", ("description_not_toml", None)),
        ("name = [", ("description_breaks_off", None)),
        ("name = 'a'\nname = 'b'", ("description_not_toml", None)),
        ("a = " + "[" * 5000 + "]" * 5000, ("description_too_deep", None)),
        ("a = " + "9" * 9000, ("description_too_deep", None)),
        (".".join("a" * 200_000) + " = 1", ("description_too_deep", None)),
        (b"\x89PNG\r\n\x1a\n\x00\x00", ("description_binary", None)),
        (b"\xcf\xee\xeb\xf3\xf7\xe5\xed\xee", ("description_binary", None)),  # Windows-1251
        ("name = 'a\x00b'", ("description_binary", None)),
        ("x" * (MOST_BYTES + 1), ("description_too_large", None)),
        (b"x" * (MOST_BYTES + 1), ("description_too_large", None)),
    ],
    ids=range(13),
)
def test_what_is_no_description_is_told(text: str | bytes, wrong: tuple[str, str | None]) -> None:
    assert told(text) == [wrong]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("name = 'a'", ("value_required", "pipelines")),
        ("pipelines = 3", ("list_expected", "pipelines")),
        ("pipelines = [3]", ("table_expected", "pipelines[0]")),
        ("pipelines = []", ("value_required", "pipelines")),
        ("[pipelines]\nname = 'a'", ("list_expected", "pipelines")),
        (LEAST.replace('name = "Sales"', ""), ("value_required", "pipelines[0].name")),
        (LEAST.replace('"Sales"', "7"), ("text_expected", "pipelines[0].name")),
        (LEAST.replace('"Sales"', '""'), ("value_required", "pipelines[0].name")),
        (LEAST.replace('"Sales"', "{}"), ("value_required", "pipelines[0].name")),
        (LEAST.replace('"Sales"', '{ de = "Verkauf", en = "Sales" }'), ("key_unknown", "pipelines[0].name.de")),
        (LEAST.replace('"Sales"', '{ en = 3, ru = "П" }'), ("text_expected", "pipelines[0].name.en")),
        (LEAST.replace('"Sales"', f'"{"S" * 500}"'), ("text_too_long", "pipelines[0].name")),
        (LEAST.replace('"Contact made"', f'"{"S" * 500}"'), ("text_too_long", "pipelines[0].stages[0].name")),
        (LEAST.replace('"Contact made"', '"\\uFEFF"'), ("value_required", "pipelines[0].stages[0].name")),
        ('[[pipelines]]\nname = "Sales"', ("value_required", "pipelines[0].stages")),
        (in_stage("nmae = 'a'"), ("key_unknown", "pipelines[0].stages[0].nmae")),
        (in_stage("norm = 15"), ("length_of_time_invalid", "pipelines[0].stages[0].norm")),
        (in_stage("norm = 'soon'"), ("length_of_time_invalid", "pipelines[0].stages[0].norm")),
        (in_stage("norm = '0m'"), ("norm_invalid", "pipelines[0].stages[0].norm")),
        (in_stage("norm = '367d'"), ("norm_invalid", "pipelines[0].stages[0].norm")),
        (in_stage("color = 'mauve'"), ("code_unknown", "pipelines[0].stages[0].color")),
        (in_stage("color = 1979-05-27"), ("text_expected", "pipelines[0].stages[0].color")),
        (in_stage("accepts_new = 'yes'"), ("flag_expected", "pipelines[0].stages[0].accepts_new")),
        (in_stage("win_percent = 101"), ("number_between", "pipelines[0].stages[0].win_percent")),
        (in_stage("required = 'amount'"), ("list_expected", "pipelines[0].stages[0].required")),
        (in_stage("required = [1]"), ("text_expected", "pipelines[0].stages[0].required[0]")),
        (in_stage("required = ['shoe']"), ("field_not_described", "pipelines[0].stages[0].required")),
        (in_stage("step_kinds = ['dance']"), ("code_unknown", "pipelines[0].stages[0].step_kinds[0]")),
        (in_stage("step_kinds = [[]]"), ("code_unknown", "pipelines[0].stages[0].step_kinds[0]")),
        (in_stage("key = 'Ключ'"), ("key_invalid", "pipelines[0].stages[0].key")),
        (in_stage("key = 'won'"), ("name_repeated", "pipelines[0].stages[0].key")),
        (LEAST + LEAST, ("name_repeated", "pipelines")),
        (f"{LEAST}[[fields]]\nname = 'a'\ntype = 'poem'", ("code_unknown", "fields[0].type")),
        (f"{LEAST}[[fields]]\nname = 'a'\ntype = 'choice'", ("options_needed", "fields[0].options")),
        (f"{LEAST}[[fields]]\nname = 'a'\noptions = ['b']", ("value_unwanted", "fields[0].options")),
        (f"{LEAST}[[fields]]\nname = 'a'\nkey = 'amount'", ("name_repeated", "fields[0].key")),
        (f"{LEAST}[[fields]]\nname = 'a'\n[[fields]]\nname = 'a'", ("name_repeated", "fields")),
        (f"{LEAST}[[loss_reasons]]\nname = 'a'\n[[loss_reasons]]\nname = 'a'", ("name_repeated", "loss_reasons")),
        (f"exceptions = 1\n{LEAST}", ("key_unknown", "exceptions")),
    ],
)  # fmt: skip
def test_mistake_is_told_with_its_place(text: str, wrong: tuple[str, str]) -> None:
    assert told(text) == [wrong]


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        ("from = 'Sales'\nto = 'Sales'", ("value_required", "links[0].trigger")),
        ("from = 'Sales'\ntrigger = 'won'", ("value_required", "links[0].to")),
        ("from = 'Nothing'\ntrigger = 'won'\nto = 'Sales'", ("pipeline_not_described", "links[0].from")),
        ("from = 'Sales'\ntrigger = 'stage'\nto = 'Sales'", ("value_required", "links[0].from_stage")),
        (
            "from = 'Sales'\ntrigger = 'won'\nfrom_stage = 'Contact made'\nto = 'Sales'",
            ("value_unwanted", "links[0].from_stage"),
        ),
        ("from = 'Sales'\ntrigger = 'won'\nto = 'Sales'\nto_stage = 'a'", ("stage_not_described", "links[0].to_stage")),
        ("from = 'Sales'\ntrigger = 'won'\nto = 'Sales'\nmax_rounds = 0", ("number_between", "links[0].max_rounds")),
        ("from = 'Sales'\ntrigger = 'won'\nto = 'Sales'\nmax_rounds = true", ("number_between", "links[0].max_rounds")),
        ("from = 'Sales'\ntrigger = 'won'\nto = 'Sales'\nowner = 'user'", ("value_required", "links[0].owner_email")),
        ("from = 'Sales'\ntrigger = 'won'\nto = 'Sales'\ncopied = ['a']", ("field_not_described", "links[0].copied")),
        ("from = 'Sales'\ntrigger = 'won'\nto = 'Sales'\nmode = 'steal'", ("code_unknown", "links[0].mode")),
        ("from = 'Sales'\ntrigger = 'won'\nto = 'Sales'\nfirst_step = 3", ("table_expected", "links[0].first_step")),
        (
            "from = 'Sales'\ntrigger = 'won'\nto = 'Sales'\nfirst_step = { due = 'soon' }",
            ("length_of_time_invalid", "links[0].first_step.due"),
        ),
        (
            "from = 'Sales'\ntrigger = 'won'\nto = 'Sales'\nconditions = [{ field = 'amount', op = 'at_least' }]",
            ("value_required", "links[0].conditions[0].value"),
        ),
        (
            "from = 'Sales'\ntrigger = 'won'\nto = 'Sales'\nconditions = [{ field = 'source', op = 'is_one_of' }]",
            ("value_required", "links[0].conditions[0].values"),
        ),
    ],
)
def test_mistake_in_a_link_is_told_with_its_place(lines: str, wrong: tuple[str, str]) -> None:
    assert told(f"{LEAST}[[links]]\n{lines}\n") == [wrong]


def test_all_mistakes_are_told_at_once_up_to_a_limit() -> None:
    several = told(in_stage("norm = 'a'\ncolor = 'b'\nwhat = 1"))
    assert {code for code, _place in several} == {"length_of_time_invalid", "code_unknown", "key_unknown"}
    assert len(told(LEAST + "".join(f"x{number} = 1\n" for number in range(500)))) == MOST_PROBLEMS


def test_too_many_stages_are_refused() -> None:
    text = "[[pipelines]]\nname = 'a'\n" + "[[pipelines.stages]]\nname = 'b'\n" * (MOST_STAGES + 1)
    assert ("too_many_items", "pipelines[0].stages") in told(text)


def test_largest_file_is_read() -> None:
    line = "# " + "я" * 498 + "\n"
    text = LEAST + line * ((MOST_BYTES - len(LEAST)) // len(line.encode()))
    assert read_description(text).pipelines


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=300)))
def test_no_input_breaks_the_reader(content: str | bytes) -> None:
    assert all(violation_sentence(one) for one in problems(content))


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(
        ["norm", "color", "required", "step_kinds", "name", "key", "exit_criterion", "accepts_new", "win_percent"]
    ),
    st.sampled_from(
        ["3", "3.5", "true", "'x'", "[1]", "[[]]", "{ a = 1 }", "1979-05-27", "[{ ru = 1 }]", "inf", "nan"]
    ),
)
def test_no_type_of_value_breaks_the_reader(key: str, value: str) -> None:
    found = problems(f"[[pipelines]]\nname = 'a'\n[[pipelines.stages]]\n{key} = {value}\n")
    assert all(one.field is not None and one.field.startswith("pipelines[0]") for one in found)


# A bare list of stages


def test_list_of_names_makes_a_pipeline() -> None:
    read = description_from_names("1. Новый лид\n2) Переговоры\n- Счёт\n\n• Оплата\n", name="Продажи")
    assert [stage.name.spoken("ru") for stage in read.pipelines[0].stages] == [
        "Новый лид", "Переговоры", "Счёт", "Оплата",
    ]  # fmt: skip
    assert read.pipelines[0].name.spoken("en") == "Продажи"


def test_list_of_names_knows_the_ends_of_other_systems() -> None:
    read = description_from_names("Новый лид\nУспешно реализовано\nЗакрыто и не реализовано", name="Продажи")
    pipeline = read.pipelines[0]
    assert [stage.name.spoken("ru") for stage in pipeline.stages] == ["Новый лид"]
    assert (pipeline.won.name.spoken("ru"), pipeline.lost.name.spoken("ru")) == (
        "Успешно реализовано", "Закрыто и не реализовано",
    )  # fmt: skip


def test_text_is_told_from_toml() -> None:
    assert description_from_text(LEAST).pipelines[0].name.spoken("en") == "Sales"
    names = description_from_text("КП = отправлено\n[Счёт]\nPaid", name="Sales")
    assert [stage.name.spoken("en") for stage in names.pipelines[0].stages] == ["КП = отправлено", "[Счёт]", "Paid"]


def test_blank_lines_without_end_are_told_from_toml_at_once() -> None:
    assert is_bare_list("\n" * (MOST_BYTES - 10) + "x")  # by the square of its length this took half an hour


def test_broken_toml_is_told_by_its_line() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_description(LEAST + "норма = 1")
    with reader("ru"):
        assert violation_sentence(caught.value.violations[0]).startswith("Строка 6 ")


def test_list_without_a_name_or_with_a_long_one_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        description_from_names("A\n" + "B" * (STAGE_NAME_LIMIT + 1), name=" ")
    assert [(one.code, one.field) for one in caught.value.violations] == [
        ("text_too_long", "pipelines[0].stages[1].name"),
        ("value_required", "pipelines[0].name"),
    ]


# Creating, and the way back


def everything(session: Session) -> list[object]:
    """Return all pipelines, fields and links without ids."""
    infos = [load_pipeline(session, one.id) for one in list_pipelines(session)]
    names = {key: field.name for info in infos for key, field in info.fields.items()}
    stages = {stage.id: (info.name, stage.name) for info in infos for stage in info.stages}
    reasons = {reason.id: reason.name for info in infos for reason in info.loss_reasons}
    codes = {option.code: option.name for info in infos for one in info.fields.values() for option in one.options}
    found: list[object] = []
    for info in infos:
        found.append((info.name, info.forward_only, info.no_skipping, info.creation_roles, info.stands_alone))
        found += [
            replace(
                stage, id=0, pipeline_id=0, required=tuple(names.get(key, key) for key in stage.required),
                required_exit=tuple(names.get(key, key) for key in stage.required_exit),
            )
            for stage in info.stages
        ]  # fmt: skip
        found += [replace(reason, id=0, pipeline_id=0) for reason in info.active_reasons()]
        found.append({(role, stages[one], stages[two]): yes for (role, one, two), yes in info.transitions.items()})
    found += [(one.name, one.type, one.hint, [option.name for option in one.offered()]) for one in load_fields(session)]
    for link in list_links(session):
        conditions = tuple(plain(one, names, reasons, codes) for one in link.plan.conditions)
        plan = replace(
            link.plan, from_pipeline_id=0, to_pipeline_id=0, from_stage_id=None, to_stage_id=None, conditions=(),
            copied=tuple(names.get(key, key) for key in link.plan.copied),
        )  # fmt: skip
        found.append((link.from_pipeline, link.from_stage, link.to_pipeline, link.to_stage, plan, conditions))
    return found


def plain(
    condition: LinkCondition, names: dict[str, str], reasons: dict[int, str], codes: dict[str, str]
) -> tuple[str, ConditionOp, object]:
    value: object = condition.value
    if isinstance(condition.value, tuple):
        named: dict[object, str] = {**reasons, **codes}
        value = [named.get(one, one) for one in condition.value]
    return names.get(condition.field, condition.field), condition.op, value


def test_described_pipelines_created_again_are_the_same(session: Session, cast: Cast) -> None:
    with session.begin_nested() as first:
        created = create_from_description(session, cast.vera, description=read_description(WHOLE), language="ru")
        there = everything(session)
        written = describe_pipelines(session, created)
        first.rollback()
    session.expire_all()
    assert list_pipelines(session) == []
    create_from_description(session, cast.vera, description=read_description(written), language="ru")
    assert everything(session) == there


def test_described_texts_come_back_letter_by_letter(session: Session, cast: Cast) -> None:
    nasty = "\"'\\ 🔥 <b>x</b> # [[links]] = \u2028 ]] עברית \U0001f468"
    text = f"{LEAST.replace('Contact made', 'Paid')}exit_criterion = '''line 1\nline \"2\" \\ 3'''\n"
    read = read_description(text)
    pipeline = replace(read.pipelines[0], name=type(read.name)({"": nasty}))
    created = create_from_description(session, cast.vera, description=Description(pipelines=(pipeline,)), language="ru")
    again = read_description(describe_pipelines(session, created)).pipelines[0]
    assert again.name.spoken("ru") == load_pipeline(session, created[0]).name
    assert again.stages[0].exit_criterion.spoken("ru") == 'line 1\nline "2" \\ 3'


def test_creating_refuses_with_the_place_in_the_description(session: Session, cast: Cast) -> None:
    text = f"""{LEAST}step_kinds = ["meeting"]
[[links]]
from = "Sales"
trigger = "lost"
to = "Sales"
max_rounds = 2
[[links]]
from = "Sales"
trigger = "won"
to = "Sales"
cooldown = "1d"
owner = "user"
owner_email = "nobody@example.com"
"""
    with refused(session, InvalidInput) as refusal:
        create_from_description(session, cast.vera, description=read_description(text), language="en")
    assert refusal.told == [("link_step_kind", "links[0].step_kind")]
    text = text.replace('step_kinds = ["meeting"]', "")
    with refused(session, InvalidInput) as refusal:
        create_from_description(session, cast.vera, description=read_description(text), language="en")
    assert refusal.told == [("choice_unknown", "links[1].owner_email")]


def test_creating_finds_people_teams_and_common_reasons_by_name(session: Session, cast: Cast) -> None:
    team = session.get_one(Team, cast.anna.team_id)
    add_loss_reason(session, cast.vera, pipeline_id=None, plan=ReasonPlan("Price"))
    text = f"""{LEAST}
[[pipelines.loss_reasons]]
name = "Price"
[[links]]
from = "Sales"
trigger = "lost"
to = "Sales"
max_rounds = 2
conditions = [
  {{ field = "team", op = "is_one_of", values = ["{team.name}"] }},
  {{ field = "loss_reason", op = "is_one_of", values = ["Price"] }},
]
"""
    create_from_description(session, cast.vera, description=read_description(text), language="en")
    reason = session.scalars(select(LossReason)).one()
    assert [one.value for one in list_links(session)[0].plan.conditions] == [(team.id,), (reason.id,)]


def test_only_designers_create(session: Session, cast: Cast) -> None:
    for actor in (cast.anna, cast.boris):
        with refused(session, Forbidden):
            create_from_description(session, actor, description=read_description(LEAST), language="en")


def test_described_pipelines_look_as_if_they_were_there() -> None:
    read = read_description(WHOLE)
    orders, repairs = described_pipelines(read, "en")
    assert [stage.name for stage in orders.stages] == ["Measures taken", "Order sewn", "Order paid", "Order cancelled"]
    assert [stage.kind for stage in orders.stages][2:] == [StageKind.WON, StageKind.LOST]
    assert orders.fields[orders.open_stages[1].required[0]].name == "Size"
    assert orders.next_stage(orders.open_stages[1]) == orders.won_stage
    link = described_links(read, "en")[0]
    assert (link.from_pipeline, link.from_stage, link.to_pipeline) == ("Orders", "Order sewn", "Repairs")
    assert link.plan.from_stage_id == orders.open_stages[1].id
    assert link.plan.to_pipeline_id == repairs.id
