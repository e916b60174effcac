"""The filters of a dashboard: each by its type, in the address, in the figures and over the list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from crm.actor import Actor
from crm.db import Database
from crm.models import Deal, FieldDefinition, FieldType
from crm.ui.dashboard.segment_inputs import FILTERS
from tests.analytics.sample import Sample, add_sample
from tests.conftest import Cast
from tests.pages.conftest import OpenShell
from tests.pages.test_conversion import address, numbers
from tests.stopped_clock import StopClock


@dataclass(frozen=True, slots=True)
class Office:
    """The small base and the keys of fields by type; the won deal has a value in each, the lost one in none."""

    sample: Sample
    keys: dict[FieldType, str]


@pytest.fixture
def office(database: Database, cast: Cast, stop_clock: StopClock) -> Office:
    stop_clock(datetime(2026, 3, 20, 9, tzinfo=UTC))
    values = {
        FieldType.MULTI_CHOICE: ["big"], FieldType.YES_NO: False, FieldType.NUMBER: 2.5, FieldType.MONEY: 40_000,
        FieldType.DATE: "2026-05-01",
    }  # fmt: skip
    with database.session_scope() as session:
        sample, keys = add_sample(session, cast), {}
        for position, kind in enumerate(values, start=1):
            options = [{"code": "big", "name": "Big one"}] if kind is FieldType.MULTI_CHOICE else []
            row = FieldDefinition(name=kind.name, type=kind, position=position, options=options)
            session.add(row)
            session.flush()
            keys[kind] = f"field:{row.id}"
        custom = {keys[kind].removeprefix("field:"): value for kind, value in values.items()}
        session.execute(update(Deal).where(Deal.id == sample.deals["won"]).values(custom=custom))
    return Office(sample, keys)


def open_filters(shell: OpenShell, actor: Actor, office: Office, **query: object) -> AppTest:
    at = shell(actor).run()
    at.query_params.clear()
    for name, value in {"pipeline": office.sample.sales.id, "period": "all", **query}.items():
        at.query_params[name] = str(value)
    at.session_state[FILTERS] = True
    at = at.switch_page("conversion.py").run()
    assert not at.exception
    return at


def test_range_of_amounts_narrows_and_lives_in_the_address(shell: OpenShell, cast: Cast, office: Office) -> None:
    at = open_filters(shell, cast.vera, office)
    assert numbers(at)["Came"] == "10"
    at.number_input(key="scope_amount_least").set_value(3000).run()
    assert (address(at, "segment"), numbers(at)["Came"]) == ("amount=3000..", "3")
    at.number_input(key="scope_amount_most").set_value(5000.5).run()
    assert (address(at, "segment"), numbers(at)["Came"]) == ("amount=3000..5000.5", "2")
    again = open_filters(shell, cast.vera, office, segment="amount=3000..5000.5")
    assert numbers(again)["Came"] == "2"
    assert again.number_input(key="scope_amount_least").value == 3000
    assert again.number_input(key="scope_amount_most").value == 5000.5
    again.number_input(key="scope_amount_least").set_value(6000).run()
    assert address(again, "segment") == "amount=6000.."  # an end put past the other opens that
    again.button(key="scope_clear").click().run()
    assert (address(again, "segment"), numbers(again)["Came"]) == (None, "10")


def test_each_field_has_the_inputs_of_its_type(shell: OpenShell, cast: Cast, office: Office) -> None:
    keys = office.keys
    at = open_filters(shell, cast.vera, office)
    at.multiselect(key=f"scope_{keys[FieldType.MULTI_CHOICE]}").set_value(["big"]).run()
    at.button_group(key=f"scope_{keys[FieldType.YES_NO]}").set_value(["no"]).run()
    at.number_input(key=f"scope_{keys[FieldType.NUMBER]}_most").set_value(2.5).run()
    at.number_input(key=f"scope_{keys[FieldType.MONEY]}_least").set_value(400).run()
    at.date_input(key=f"scope_{keys[FieldType.DATE]}_least").set_value(date(2026, 5, 1)).run()
    assert not at.exception
    asked = ("big", "no", "..2.5", "400..", "2026-05-01..")
    assert address(at, "segment") == "~".join(f"{key}={value}" for key, value in zip(keys.values(), asked, strict=True))
    assert numbers(at)["Came"] == "1"
    at.date_input(key=f"scope_{keys[FieldType.DATE]}_least").set_value(date(2026, 5, 2)).run()
    assert numbers(at)["Came"] == "0"


def test_list_says_what_it_was_narrowed_to(shell: OpenShell, cast: Cast, office: Office) -> None:
    segment = f"{office.keys[FieldType.MONEY]}=100..400~{office.keys[FieldType.YES_NO]}=no"
    opened = f"conversion~came~{office.sample.sales.stages[0]}"
    at = open_filters(shell, cast.vera, office, segment=segment, open=opened)
    assert any("MONEY: ₽100 – ₽400 · YES_NO: No" in one.value.replace("\\", "") for one in at.caption)


@pytest.mark.parametrize("segment", ["x=a", "field:999=1..5", "amount=much", "{multi}=gone", "{number}=big"])
def test_what_no_field_has_narrows_nothing(shell: OpenShell, cast: Cast, office: Office, segment: str) -> None:
    asked = segment.format(multi=office.keys[FieldType.MULTI_CHOICE], number=office.keys[FieldType.NUMBER])
    at = open_filters(shell, cast.vera, office, segment=asked)
    assert numbers(at)["Came"] == "10"
    assert not [one for one in at.button if one.key == "scope_clear"]


def test_source_with_the_joint_of_addresses_is_one_source(
    shell: OpenShell, cast: Cast, office: Office, database: Database
) -> None:
    with database.session_scope() as session:
        session.execute(update(Deal).where(Deal.id == office.sample.deals["won"]).values(source="a~b 50%"))
    at = open_filters(shell, cast.vera, office)
    at.multiselect(key="scope_source").set_value(["a~b 50%"]).run()
    assert (address(at, "source"), numbers(at)["Came"]) == ("a%7Eb 50%25", "1")
    at.multiselect(key="scope_source").set_value(["a~b 50%", "call"]).run()
    assert numbers(at)["Came"] == "4"
