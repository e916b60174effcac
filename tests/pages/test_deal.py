"""The deal's page: what is shown, what is saved, what a refusal keeps, what a concurrent save tells."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from streamlit.testing.v1 import AppTest

from crm.db import Database
from crm.deals.commands import edit_deal
from crm.deals.values import DealChanges
from crm.models import (
    Activity,
    Deal,
    DealStatus,
    NextStep,
    Pipeline,
    Role,
    Stage,
    StageRequirement,
    StageTransition,
)
from tests.conftest import Cast
from tests.deals.linking import add_link, only_child
from tests.factories import PipelineRows, add_closed_deal, add_deal, add_pipeline
from tests.pages.conftest import OpenShell


@pytest.fixture
def pipeline(database: Database, cast: Cast) -> PipelineRows:
    with database.session_scope() as session:
        return add_pipeline(session)


@pytest.fixture
def deal_id(database: Database, cast: Cast, pipeline: PipelineRows) -> int:
    with database.session_scope() as session:
        return add_deal(session, cast.anna, pipeline, title="Metal sheet")


def opened(shell: OpenShell, who: object, deal_id: object) -> AppTest:
    at = shell(who)  # type: ignore[arg-type]
    at.query_params["deal"] = str(deal_id)
    at.run()
    at.switch_page("deal.py")
    at.query_params["deal"] = str(deal_id)
    return at.run()


def texts(at: AppTest) -> str:
    return "\n".join(str(one.value) for one in (*at.markdown, *at.caption, *at.info, *at.warning, *at.error))


def test_page_shows_what_is_agreed_and_what_is_next(shell: OpenShell, cast: Cast, deal_id: int) -> None:
    at = opened(shell, cast.anna, deal_id)
    assert not at.exception
    shown = texts(at)
    assert f"\\#{deal_id} Metal sheet" in shown
    assert "Call about the offer" in shown
    assert "Contact made" in shown


def words(at: AppTest) -> str:
    """Return what a reader sees: without the marks that keep markdown away."""
    return texts(at).replace("\\", "")


@pytest.mark.parametrize("asked", ["0", "999999", "-1", "abc", "9" * 30, "١"])
def test_unknown_number_is_told_in_words(shell: OpenShell, cast: Cast, deal_id: int, asked: str) -> None:
    at = opened(shell, cast.anna, asked)
    assert not at.exception
    assert [info.value for info in at.info] == ["There is no such record, or it is not yours to see."]


def test_colleagues_deal_looks_like_a_missing_one(shell: OpenShell, cast: Cast, deal_id: int) -> None:
    for stranger in (cast.anton, cast.dina):
        at = opened(shell, stranger, deal_id)
        assert [info.value for info in at.info] == ["There is no such record, or it is not yours to see."]
        assert "Metal sheet" not in texts(at)


def test_save_writes_only_what_was_typed(shell: OpenShell, cast: Cast, database: Database, deal_id: int) -> None:
    at = opened(shell, cast.anna, deal_id)
    at.get_by_key(f"deal{deal_id}v1_amount").set_value("1 250 000,50 ₽").run()
    at.get_by_key(f"deal{deal_id}v1_save").click().run()
    assert not at.exception
    with database.read_scope() as session:
        deal = session.get_one(Deal, deal_id)
        assert (deal.amount_minor, deal.title, deal.version) == (125_000_050, "Metal sheet", 2)


def test_wrong_amount_is_told_beside_its_field_and_kept(
    shell: OpenShell, cast: Cast, database: Database, deal_id: int
) -> None:
    at = opened(shell, cast.anna, deal_id)
    at.get_by_key(f"deal{deal_id}v1_amount").set_value("a lot").run()
    at.get_by_key(f"deal{deal_id}v1_save").click().run()
    assert "Write the amount as a number" in words(at)
    assert at.get_by_key(f"deal{deal_id}v1_amount").value == "a lot"
    with database.read_scope() as session:
        assert session.get_one(Deal, deal_id).version == 1


def test_refused_save_keeps_what_was_typed(shell: OpenShell, cast: Cast, database: Database, deal_id: int) -> None:
    at = opened(shell, cast.anna, deal_id)
    at.get_by_key(f"deal{deal_id}v1_title").set_value("x" * 301).run()
    at.get_by_key(f"deal{deal_id}v1_save").click().run()
    assert "The text is too long: 301 characters, 300 at most." in words(at)
    assert at.get_by_key(f"deal{deal_id}v1_title").value == "x" * 301


def test_open_deal_is_not_saved_without_a_next_step(
    shell: OpenShell, cast: Cast, database: Database, pipeline: PipelineRows
) -> None:
    with database.session_scope() as session:
        deal_id = add_deal(session, cast.anna, pipeline, due_in=None)
    at = opened(shell, cast.anna, deal_id)
    at.get_by_key(f"deal{deal_id}v1_title").set_value("Pipe").run()
    at.get_by_key(f"deal{deal_id}v1_save").click().run()
    assert "Plan the next step: an open deal always has one." in words(at)
    with database.read_scope() as session:
        assert session.get_one(Deal, deal_id).title == "Metal sheet"


def test_concurrent_save_is_told_with_both_values_and_a_choice(
    shell: OpenShell, cast: Cast, database: Database, deal_id: int
) -> None:
    at = opened(shell, cast.anna, deal_id)
    at.get_by_key(f"deal{deal_id}v1_title").set_value("Anna's title").run()
    with database.session_scope() as session:
        edit_deal(
            session,
            cast.boris,
            deal_id=deal_id,
            expected_version=1,
            changes=DealChanges(title="Boris's title", source="Fair"),
        )
    at.get_by_key(f"deal{deal_id}v1_save").click().run()
    assert "Somebody saved this deal while you were editing it." in texts(at)
    choice = at.get_by_key(f"deal{deal_id}v1_choice2_title")
    assert choice.options == ["Yours: Anna's title", "Saved now: Boris's title"]
    at.get_by_key(f"deal{deal_id}v1_resolve").click().run()
    with database.read_scope() as session:
        deal = session.get_one(Deal, deal_id)
        assert (deal.title, deal.source, deal.version) == ("Anna's title", "Fair", 3)


def test_field_of_the_next_stage_is_marked(
    shell: OpenShell, cast: Cast, database: Database, pipeline: PipelineRows
) -> None:
    with database.session_scope() as session:
        session.add(StageRequirement(stage_id=pipeline.stages[1], builtin="source"))
        deal_id = add_deal(session, cast.anna, pipeline)
    at = opened(shell, cast.anna, deal_id)
    assert at.get_by_key(f"deal{deal_id}v1_source").label == "Source :orange[· needed for “Need found”]"


def test_forward_moves_with_what_was_typed(
    shell: OpenShell, cast: Cast, database: Database, pipeline: PipelineRows
) -> None:
    with database.session_scope() as session:
        session.add(StageRequirement(stage_id=pipeline.stages[1], builtin="source"))
        deal_id = add_deal(session, cast.anna, pipeline)
    at = opened(shell, cast.anna, deal_id)
    at.get_by_key(f"deal{deal_id}v1_source").set_value("Fair").run()
    at.get_by_key("deal_forward").click().run()
    assert not at.exception
    with database.read_scope() as session:
        deal = session.get_one(Deal, deal_id)
        assert (deal.stage_id, deal.source) == (pipeline.stages[1], "Fair")


def test_note_is_written_down(shell: OpenShell, cast: Cast, database: Database, deal_id: int) -> None:
    at = opened(shell, cast.anna, deal_id)
    at.get_by_key(f"note_{deal_id}_text").set_value("Called: **wants** a discount").run()
    at.get_by_key(f"note_{deal_id}_add").click().run()
    assert not at.exception
    with database.read_scope() as session:
        assert session.scalars(select(Activity.text)).all() == ["Called: **wants** a discount"]
    assert at.get_by_key(f"note_{deal_id}_text").value == ""


def test_closed_deal_offers_no_moves(shell: OpenShell, cast: Cast, database: Database, pipeline: PipelineRows) -> None:
    with database.session_scope() as session:
        deal_id = add_closed_deal(session, cast.anna, pipeline)
        assert session.get_one(Deal, deal_id).status is DealStatus.WON
    at = opened(shell, cast.anna, deal_id)
    assert not at.exception
    assert "deal_forward" not in {button.key for button in at.button}


def test_nasty_names_are_shown_as_typed(
    shell: OpenShell, cast: Cast, database: Database, pipeline: PipelineRows
) -> None:
    nasty = "![x](http://e.example/a.png) <b>b</b> :red[r] =1+1"
    with database.session_scope() as session:
        deal_id = add_deal(session, cast.anna, pipeline, title=nasty)
        session.execute(update(Stage).where(Stage.id == pipeline.stages[0]).values(name="[s](http://e.example)"))
        session.execute(update(NextStep).where(NextStep.deal_id == deal_id).values(text="$x$ ![y](http://e.example)"))
    shown = texts(opened(shell, cast.anna, deal_id))
    assert "![x](" not in shown
    assert "[s](http" not in shown
    assert "![y](" not in shown


def test_late_step_is_said_in_words(shell: OpenShell, cast: Cast, database: Database, pipeline: PipelineRows) -> None:
    with database.session_scope() as session:
        deal_id = add_deal(session, cast.anna, pipeline, due_in=timedelta(days=-2))
    assert "2 days late" in texts(opened(shell, cast.anna, deal_id))


# Rules and their exceptions


def test_other_stages_are_offered_to_heads_and_to_managers_where_rules_are_loose(
    shell: OpenShell, cast: Cast, database: Database
) -> None:
    with database.session_scope() as session:
        pipeline = add_pipeline(session)
        deal_id = add_deal(session, cast.anna, pipeline, stage=1)
    offered = {
        actor.name: [one.key for one in opened(shell, actor, deal_id).get("menu_button")]
        for actor in (cast.anna, cast.boris)
    }
    assert offered == {"Anna": [], "Boris": ["deal_elsewhere"]}
    with database.session_scope() as session:
        session.get_one(Pipeline, pipeline.id).forward_only = False
    assert [one.key for one in opened(shell, cast.anna, deal_id).get("menu_button")] == ["deal_elsewhere"]


def test_only_administrators_remove_and_only_heads_take_up_again(
    shell: OpenShell, cast: Cast, database: Database
) -> None:
    with database.session_scope() as session:
        deal_id = add_closed_deal(session, cast.anna, add_pipeline(session))
    keys = {
        actor.name: {one.key for one in opened(shell, actor, deal_id).button} & {"deal_remove", "deal_reopen"}
        for actor in (cast.anna, cast.boris, cast.vera)
    }
    assert keys == {"Anna": set(), "Boris": {"deal_reopen"}, "Vera": {"deal_reopen", "deal_remove"}}


def test_removal_without_a_reason_says_so_beside_it(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        deal_id = add_deal(session, cast.anna, add_pipeline(session))
    at = opened(shell, cast.vera, deal_id)
    at.button(key="deal_remove").click().run()
    assert any("Say why in 10 characters or more" in one.value for one in at.markdown)
    with database.read_scope() as session:
        assert session.get_one(Deal, deal_id).status is DealStatus.OPEN


def test_way_that_the_role_may_not_go_is_greyed_out_with_its_reason(
    shell: OpenShell, cast: Cast, database: Database, pipeline: PipelineRows, deal_id: int
) -> None:
    start, end, *_rest = pipeline.stages
    with database.session_scope() as session:
        session.add(StageTransition(role=Role.MANAGER, from_stage_id=start, to_stage_id=end, is_allowed=False))
    forward = opened(shell, cast.anna, deal_id).button(key="deal_forward")
    assert forward.disabled
    assert forward.help.startswith("Your role does not move deals")
    assert not opened(shell, cast.boris, deal_id).button(key="deal_forward").disabled


def test_next_action_is_loud_until_something_waits_to_be_saved(
    shell: OpenShell, cast: Cast, database: Database, deal_id: int
) -> None:
    with database.read_scope() as session:
        step_id = session.scalars(select(NextStep.id).where(NextStep.deal_id == deal_id)).one()
    at = opened(shell, cast.anna, deal_id)
    assert at.button(key=f"done_{step_id}").proto.type == "primary"
    at.get_by_key(f"deal{deal_id}v1_title").set_value("Pipe").run()
    assert at.button(key=f"done_{step_id}").proto.type == "secondary"
    assert at.button(key=f"deal{deal_id}v1_save").proto.type == "primary"


def test_deal_made_by_a_link_is_told_at_the_move_that_made_it(
    shell: OpenShell, cast: Cast, database: Database, pipeline: PipelineRows
) -> None:
    with database.session_scope() as session:
        base = add_pipeline(session, "Active base")
        add_link(session, pipeline, base)
        deal_id = add_deal(session, cast.anna, pipeline, stage=3)
    at = opened(shell, cast.anna, deal_id)
    at.button(key="deal_forward").click().run()
    with database.read_scope() as session:
        child = only_child(session, deal_id).id
    told = " ".join(toast.value.replace("\\", "") for toast in at.toast)
    assert f"A link has made deal #{child} in “Active base”." in told


def test_moment_of_creation_has_no_seconds(shell: OpenShell, cast: Cast, deal_id: int) -> None:
    (created,) = [one.value for one in opened(shell, cast.anna, deal_id).caption if one.value.startswith("Created")]
    assert created.count(":") == 1
