"""The page of conversion: who sees which figures, how the address holds them, what a number opens."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from crm.actor import Actor
from crm.analytics import survival
from crm.analytics.survival import _counted
from crm.db import Database
from crm.deals.removal import remove_deal
from crm.jobs import request_job
from crm.models import BackgroundJob, Deal, FieldDefinition, FieldType, JobKind, JobStatus, SavedView
from crm.ui import device
from tests.analytics.histories import Came, add_history
from tests.analytics.sample import Sample, add_sample
from tests.conftest import Cast
from tests.pages.conftest import OpenShell
from tests.stopped_clock import StopClock

SPRING = datetime(2026, 3, 20, 9, tzinfo=UTC)


@pytest.fixture
def sample(database: Database, cast: Cast, stop_clock: StopClock) -> Sample:
    stop_clock(SPRING)
    with database.session_scope() as session:
        return add_sample(session, cast)


def open_page(shell: OpenShell, actor: Actor | None, **query: object) -> AppTest:
    at = shell(actor).run()
    at.query_params.clear()
    for name, value in query.items():
        at.query_params[name] = str(value)
    return at.switch_page("conversion.py").run()


def address(at: AppTest, name: str) -> str | None:
    found = at.query_params.get(name)
    return found[0] if isinstance(found, list) else found


def numbers(at: AppTest) -> dict[str, str]:
    return {one.label: one.value for one in at.metric}


def list_title(at: AppTest) -> str | None:
    titles = [one.value for one in at.markdown if one.value.startswith("**") and " · " in one.value]
    return titles[0].strip("*").replace("\\", "") if titles else None


def test_signed_out_visitor_is_shown_the_way_in(shell: OpenShell) -> None:
    at = open_page(shell, None)
    assert at.markdown[0].value == "You are signed out."


def test_empty_base_says_what_will_stand_there(shell: OpenShell, cast: Cast) -> None:
    at = open_page(shell, cast.vera)
    assert not at.exception
    told = [one.value for one in at.markdown]
    assert "#### Figures begin with the first deal" in told
    assert any("how many deals go on from stage to stage" in one for one in told)
    assert not at.metric


def test_period_without_deals_says_so(shell: OpenShell, cast: Cast, sample: Sample) -> None:
    at = open_page(shell, cast.vera, since="2020-01-01", until="2020-12-31")
    assert at.info
    assert all(one.value.startswith("Nothing happened here in this period") for one in at.info)
    assert numbers(at)["Came"] == "0"


@pytest.mark.parametrize(("who", "came", "won"), [("anna", "5", "2"), ("boris", "10", "3"), ("dina", "0", "0")])
def test_each_sees_figures_of_the_own_sight(
    who: str, came: str, won: str, shell: OpenShell, cast: Cast, sample: Sample
) -> None:
    at = open_page(shell, getattr(cast, who), pipeline=sample.sales.id, period="all")
    assert not at.exception
    assert (numbers(at)["Came"], numbers(at)["Won deals"]) == (came, won)


def test_bare_address_shows_the_first_pipeline_of_a_time_with_figures(
    shell: OpenShell, cast: Cast, sample: Sample, stop_clock: StopClock
) -> None:
    at = open_page(shell, cast.vera)
    assert numbers(at)["Came"] == "10"
    assert not any("all time is shown" in one.value for one in at.caption)
    stop_clock(datetime(2027, 3, 20, 9, tzinfo=UTC))
    at = open_page(shell, cast.vera)
    assert numbers(at)["Came"] == "10"
    assert any("all time is shown" in one.value for one in at.caption)


def test_base_of_old_deals_that_were_brought_in_lately_is_shown_whole(
    shell: OpenShell, cast: Cast, database: Database, sample: Sample, stop_clock: StopClock
) -> None:
    stop_clock(datetime(2027, 3, 20, 9, tzinfo=UTC))
    with database.session_scope() as session:
        for _number in range(40):
            add_history(session, sample.sales, [Came(0, 430, cast.boris)])
    at = open_page(shell, cast.vera)
    assert any("all time is shown" in one.value for one in at.caption)


def test_choices_go_into_the_address_and_an_address_is_a_choice(shell: OpenShell, cast: Cast, sample: Sample) -> None:
    at = open_page(shell, cast.vera)
    at.multiselect(key="scope_pipeline").set_value([sample.sales.id, sample.care.id]).run()
    at.radio(key="scope_period").set_value("this-year").run()
    at.multiselect(key="scope_owner").set_value([cast.anna.user_id]).run()
    at.button_group(key="address_meaning").set_value("reached-at-least").run()
    at.selectbox(key="address_by").set_value("owner").run()
    assert not at.exception
    kept = {name: address(at, name) for name in ("pipeline", "period", "owner", "meaning", "by")}
    assert kept == {
        "pipeline": "all", "period": "this-year", "owner": str(cast.anna.user_id), "meaning": "reached-at-least",
        "by": "owner",
    }  # fmt: skip
    shown = numbers(at)
    again = open_page(shell, cast.vera, **kept)
    assert numbers(again) == shown
    assert again.radio(key="scope_period").value == "this-year"
    assert again.multiselect(key="scope_pipeline").value == []
    assert again.button_group(key="address_meaning").value == "reached-at-least"


def test_own_dates_replace_a_named_period(shell: OpenShell, cast: Cast, sample: Sample) -> None:
    at = open_page(shell, cast.vera, period="last-month")
    at.radio(key="scope_period").set_value("dates").run()
    assert (address(at, "since"), address(at, "until"), address(at, "period")) == ("2026-02-01", "2026-02-28", None)
    at.date_input(key="scope_since").set_value(datetime(2026, 1, 5, tzinfo=UTC).date()).run()
    assert (address(at, "since"), address(at, "until")) == ("2026-01-05", "2026-02-28")
    assert numbers(at)["Came"] == "10"


@pytest.mark.parametrize(
    "query",
    [
        {"pipeline": "999"}, {"pipeline": "x"}, {"period": "yesterday"}, {"since": "x", "until": "2026-99-01"},
        {"owner": "1~~999999", "team": "-3"}, {"segment": "nothing"}, {"segment": "field:9=x"}, {"meaning": "?"},
        {"by": "nobody"}, {"open": "conversion~came~999"}, {"open": "~"}, {"open": "top~won~1", "page": "-4"},
        {"source": "~"}, {"priority": "hot~x"},
    ],
    ids=str,
)  # fmt: skip
def test_senseless_address_breaks_nothing(query: dict[str, str], shell: OpenShell, cast: Cast, sample: Sample) -> None:
    at = open_page(shell, cast.vera, **query)
    assert not at.exception
    assert not at.error
    assert "Came" in numbers(at)


def test_address_opens_a_list_that_repeats_its_number(shell: OpenShell, cast: Cast, sample: Sample) -> None:
    opened = f"conversion~lost~{sample.sales.stages[2]}"
    at = open_page(shell, cast.boris, pipeline=sample.sales.id, period="all", open=opened)
    assert list_title(at) == "Offer sent · lost deals: 2 deals, ₽1K"
    assert at.selectbox(key="conversion_opener").value == opened
    at.button(key="deals_behind_close").click().run()
    assert (address(at, "open"), list_title(at)) == (None, None)


def test_number_opens_without_a_mouse_and_falls_away_with_the_figures(
    shell: OpenShell, cast: Cast, sample: Sample
) -> None:
    at = open_page(shell, cast.boris, pipeline=sample.sales.id, period="all")
    offered = at.selectbox(key="conversion_opener").options
    assert "Offer sent · lost deals: 2" in offered
    at.selectbox(key="conversion_opener").select("Offer sent · lost deals: 2").run()
    assert address(at, "open") == f"conversion~lost~{sample.sales.stages[2]}"
    assert list_title(at) == "Offer sent · lost deals: 2 deals, ₽1K"
    at.radio(key="scope_period").set_value("last-month").run()
    assert (address(at, "open"), list_title(at)) == (None, None)


def test_figure_on_top_opens_its_deals(shell: OpenShell, cast: Cast, sample: Sample) -> None:
    at = open_page(shell, cast.boris, pipeline=sample.sales.id, period="all")
    at.button(key="figure_open_won").click().run()
    assert list_title(at) == "All deals · won deals: 3 deals, ₽13K"


def test_figure_on_top_opens_the_deals_of_all_pipelines(shell: OpenShell, cast: Cast, sample: Sample) -> None:
    at = open_page(shell, cast.boris, pipeline="all", period="all")
    assert numbers(at)["Came"] == "12"
    at.button(key="figure_open_came").click().run()
    assert str(list_title(at)).startswith("All deals · came: 12 deals")


def test_sources_stand_on_this_page_and_clients_where_pipelines_are_several(
    shell: OpenShell, cast: Cast, sample: Sample
) -> None:
    at = open_page(shell, cast.boris, pipeline=sample.sales.id, period="all", by="month")
    assert any("site" in one for one in at.selectbox(key="sources_opener").options)
    assert "clients_opener" not in {one.key for one in at.selectbox}
    at = open_page(shell, cast.boris, pipeline="all", period="all", by="source")
    assert not at.exception
    assert "All pipelines · clients: 11" in at.selectbox(key="clients_opener").options


def test_split_goes_to_the_charts_that_know_it(shell: OpenShell, cast: Cast, sample: Sample) -> None:
    at = open_page(shell, cast.boris, pipeline=sample.sales.id, period="all", by="week")
    assert not at.exception
    assert any(" Jan" in one for one in at.selectbox(key="transitions_opener").options)
    assert all(one.startswith(("Jan 2026 ·", "Feb 2026 ·"))
               for one in at.selectbox(key="cohorts_opener").options)  # fmt: skip


def test_time_to_each_stage_is_worked_out_when_opened(
    shell: OpenShell, cast: Cast, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(survival, "_counted", lambda *given: asked.append(given) or _counted(*given))
    at = open_page(shell, cast.boris, pipeline=sample.sales.id, period="all")
    assert asked == []
    at = open_page(shell, cast.boris, pipeline=sample.sales.id, period="all", more="survival")
    assert not at.exception
    assert len(asked) == 3
    assert any("Share of the deals that came in the period" in one.value for one in at.caption)
    shown = next(one.value for one in at.dataframe if "half_hours" in one.value.columns)
    assert list(shown["stage"]) == ["Need found", "Offer sent", "Invoice issued", "Paid"]
    at = open_page(shell, cast.dina, pipeline=sample.sales.id, period="all", more="survival")
    assert any("has gone on yet" in one.value for one in at.info)


def test_link_to_a_number_out_of_sight_says_so(shell: OpenShell, cast: Cast, sample: Sample) -> None:
    opened = f"conversion~came~{cast.boris.user_id}~{sample.sales.stages[0]}"
    at = open_page(shell, cast.anna, pipeline=sample.sales.id, period="all", by="owner", open=opened)
    assert list_title(at) is None
    assert any("not yours to see" in one.value for one in at.caption)


def test_long_list_is_paged_in_the_address(shell: OpenShell, cast: Cast, database: Database, sample: Sample) -> None:
    with database.session_scope() as session:
        for number in range(25):
            add_history(session, sample.care, [Came(0, 30 + number / 10, cast.boris)], title=f"Care {number}")
    opened = {"pipeline": sample.care.id, "period": "all", "open": f"conversion~came~{sample.care.stages[0]}"}
    at = open_page(shell, cast.boris, **opened)
    assert any(one.value == "1–20 of 27" for one in at.caption)
    at = open_page(shell, cast.boris, **opened, page=2)
    assert any(one.value == "21–27 of 27" for one in at.caption)
    at = open_page(shell, cast.boris, **opened, page=99)
    assert any(one.value == "21–27 of 27" for one in at.caption)


def test_write_is_seen_at_once(shell: OpenShell, cast: Cast, database: Database, sample: Sample) -> None:
    at = open_page(shell, cast.boris, pipeline=sample.care.id, period="all")
    assert numbers(at)["Came"] == "2"
    with database.session_scope() as session:
        deal = session.get_one(Deal, sample.deals["care open"])
        remove_deal(session, cast.vera, deal_id=deal.id, expected_version=deal.version, reason="Entered twice")
    at.run()
    assert numbers(at)["Came"] == "1"


def test_comparison_can_be_switched_off(shell: OpenShell, cast: Cast, sample: Sample) -> None:
    at = open_page(shell, cast.vera, pipeline=sample.sales.id, period="last-month")
    assert at.metric[0].delta == "-6"
    at.toggle(key="scope_compare").set_value(False).run()
    assert (address(at, "compare"), at.metric[0].delta) == ("off", "")


def test_split_by_a_field_names_its_values(shell: OpenShell, cast: Cast, database: Database, sample: Sample) -> None:
    with database.session_scope() as session:
        field = FieldDefinition(
            name="Size", type=FieldType.CHOICE, position=0, options=[{"code": "big", "name": "Big one"}]
        )
        session.add(field)
        session.flush()
        session.execute(update(Deal).where(Deal.id == sample.deals["won"]).values(custom={str(field.id): "big"}))
        key = f"field:{field.id}"
    at = open_page(shell, cast.vera, pipeline=sample.sales.id, period="all", by=key)
    assert not at.exception
    assert any(one.startswith("Big one · Contact made") for one in at.selectbox(key="conversion_opener").options)
    at = open_page(shell, cast.vera, pipeline=sample.sales.id, period="all", segment=f"{key}=big")
    assert numbers(at)["Came"] == "1"


def test_view_is_saved_shared_opened_and_deleted(
    shell: OpenShell, cast: Cast, database: Database, sample: Sample
) -> None:
    at = open_page(shell, cast.boris, period="this-year", by="owner", open="conversion~came~1")
    at.text_input(key="view_name").set_value("Year by owner")
    at.toggle(key="view_shared").set_value(True)
    at.button(key="view_save").click().run()
    with database.read_scope() as session:
        view = session.query(SavedView).one()
        assert (view.query, view.is_shared) == ({"period": "this-year", "by": "owner"}, True)
        view_id = view.id
    at = open_page(shell, cast.anna)
    assert not [one for one in at.button if one.key == f"view_delete_{view_id}"]
    at.button(key=f"view_{view_id}").click().run()
    assert (address(at, "period"), address(at, "by")) == ("this-year", "owner")
    at = open_page(shell, cast.boris)
    at.button(key=f"view_delete_{view_id}").click().run()
    with database.read_scope() as session:
        assert session.query(SavedView).count() == 0


def test_paths_in_the_making_are_told(shell: OpenShell, cast: Cast, sample: Sample, database: Database) -> None:
    made_anew = "A worker works out anew how far deals came"
    assert not [one for one in open_page(shell, cast.anna, period="all").info if made_anew in one.value]
    with database.session_scope() as session:
        job_id = request_job(session, cast.vera, JobKind.RETRACE)
    assert [one for one in open_page(shell, cast.anna, period="all").info if made_anew in one.value]
    with database.session_scope() as session:
        job = session.get_one(BackgroundJob, job_id)
        job.done, job.total, job.status = 1200, 5000, JobStatus.RUNNING
    (told,) = [one.value for one in open_page(shell, cast.anna, period="all").info if made_anew in one.value]
    assert told.endswith("1,200 of 5,000 deals are done")


def test_only_heads_export(shell: OpenShell, cast: Cast, sample: Sample) -> None:
    for actor, may_export in ((cast.anna, False), (cast.boris, True)):
        at = open_page(shell, actor, pipeline=sample.sales.id, period="all")
        assert any("Export" in str(one.proto) for one in at.get("menu_button")) == may_export


def test_phone_shows_deals_below_each_other(
    shell: OpenShell, cast: Cast, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "user_agent", lambda: "Mozilla/5.0 (iPhone) Mobile/15E148")
    opened = f"conversion~lost~{sample.sales.stages[2]}"
    at = open_page(shell, cast.boris, pipeline=sample.sales.id, period="all", open=opened)
    assert not at.exception
    assert sum("Lost" in one.value and "Boris" in one.value for one in at.caption) == 2
