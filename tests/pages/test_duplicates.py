"""The page of duplicates: who may, the queue, decisions, merging and undoing, wrong fields, merging in bulk."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from streamlit.testing.v1 import AppTest

from crm.actor import Actor
from crm.contacts.commands import create_company, create_contact, edit_contact
from crm.contacts.fields import ContactFields
from crm.db import Database
from crm.duplicates.intake import match_saved
from crm.duplicates.merging import merge_records
from crm.duplicates.pair_decisions import dismiss_pair
from crm.duplicates.scanning import start_scan
from crm.models import (
    BackgroundJob,
    Contact,
    ContactPoint,
    DealContact,
    EntityType,
    JobStatus,
    MatchPair,
    Merge,
    PairState,
    PointKind,
)
from crm.ui.markdown import md
from tests.conftest import Cast
from tests.factories import add_deal, add_pipeline
from tests.pages.conftest import OpenShell

PHONE, EMAIL = PointKind.PHONE, PointKind.EMAIL
NUMBER = "+7 916 240-17-35"
NASTY = "![i](http://x.example/x.png) Pavlova"


@dataclass(frozen=True, slots=True)
class Twins:
    """Two contacts of one person and their pair."""

    left: int
    right: int
    pair: int


def add_twins(session: Session, owner: Actor, other: Actor | None = None, name: str = "Alexandra Pavlova") -> Twins:
    left = create_contact(session, owner, name=name, position="Buyer", points=[(PHONE, NUMBER)])
    right = create_contact(session, other or owner, name=f"{name} {NUMBER}", points=[(EMAIL, "pavlova@stal.ru")])
    match_saved(session, EntityType.CONTACT, [left, right])
    pair = session.scalars(select(MatchPair.id).filter_by(left_id=left, right_id=right)).one()
    return Twins(left, right, pair)


def open_page(shell: OpenShell, actor: Actor | None, **query: int | str) -> AppTest:
    at = shell(actor)
    for key, value in query.items():
        at.query_params[key] = str(value)
    return at.run().switch_page("duplicates.py").run()


def texts(at: AppTest) -> str:
    parts = [*at.main.markdown, *at.main.caption, *at.main.info, *at.main.get("html")]
    return "\n".join(str(element.value) for element in parts)


def state_of(database: Database, pair_id: int) -> PairState:
    with database.read_scope() as session:
        return session.get_one(MatchPair, pair_id).state


def test_signed_out_reader_and_manager_get_nothing(shell: OpenShell, cast: Cast) -> None:
    at = open_page(shell, cast.anna)
    assert at.error[0].value == "Your role does not allow this. Ask your administrator."
    assert not [link for link in at.sidebar.get("page_link") if "Duplicates" in str(link.value)]
    assert not open_page(shell, None).main.get("tab")


def test_empty_queue_says_what_will_come_and_how_to_look_now(shell: OpenShell, cast: Cast) -> None:
    at = open_page(shell, cast.boris)
    assert not at.exception
    assert at.info[0].value.startswith("Nothing waits for you.")
    assert at.button(key="scan_start").label == "Scan the base"
    assert "The base has not been scanned yet." in texts(at)
    assert [tab.label for tab in at.main.get("tab")] == ["Queue", "Merges", "Wrong fields"]


def test_pair_stands_side_by_side_with_its_reasons_and_the_sidebar_counts_it(
    shell: OpenShell, cast: Cast, database: Database
) -> None:
    with database.session_scope() as session:
        twins = add_twins(session, cast.anna, cast.anton)
        deal = add_deal(session, cast.anna, add_pipeline(session), amount_minor=32_000_000)
        session.add(DealContact(deal_id=deal, contact_id=twins.left))
    at = open_page(shell, cast.boris)
    assert not at.exception
    assert "Duplicates :gray-badge[1]" in [link.value for link in at.sidebar.get("page_link")]
    shown = texts(at)
    assert "The phone +7 916 240-17-35 was found in the name" in shown
    assert md("Different owners: Anna and Anton.") in shown
    assert "Merging moves 1 phone or e-mail" in shown
    assert at.radio(key=f"duplicates_stays_{twins.pair}").value == twins.left
    assert at.radio(key=f"duplicates_take_{twins.pair}_position").options == ["Buyer", "—"]
    why = {key: at.radio(key=f"duplicates_take_{twins.pair}_{key}").help for key in ("name", "position")}
    assert why == {"name": "Chosen: the name without a number in it.", "position": ""}


def test_merging_takes_the_choices_brings_the_next_pair_up_and_can_be_undone(
    shell: OpenShell, cast: Cast, database: Database
) -> None:
    with database.session_scope() as session:
        twins = add_twins(session, cast.anna)
        company = create_company(session, cast.anna, name="Stal LLC", inn="7707083893")
        same = create_company(session, cast.anna, name="Stal", inn="7707083893")
        match_saved(session, EntityType.COMPANY, [company, same])
    at = open_page(shell, cast.boris, pair=twins.pair)
    at.radio(key=f"duplicates_stays_{twins.pair}").set_value(twins.right).run()
    at.radio(key=f"duplicates_take_{twins.pair}_name").set_value("left").run()
    at.button(key="duplicates_merge").click().run()
    assert not at.exception
    with database.read_scope() as session:
        merge = session.scalars(select(Merge)).one()
        assert (merge.survivor_id, merge.merged_id, merge.pair_id) == (twins.right, twins.left, twins.pair)
        assert session.get_one(Contact, twins.right).name == "Alexandra Pavlova"
    assert "Stal LLC" in "".join(at.radio(key="duplicates_list_choice").options)
    at.button(key="undo_1").click().run()
    assert not at.exception
    with database.read_scope() as session:
        assert session.get_one(Contact, twins.left).merged_into_id is None
        assert session.get_one(Contact, twins.right).name == f"Alexandra Pavlova {NUMBER}"
    assert state_of(database, twins.pair) is PairState.OPEN


def test_not_a_duplicate_and_later_leave_the_queue_and_come_back(
    shell: OpenShell, cast: Cast, database: Database
) -> None:
    with database.session_scope() as session:
        twins = add_twins(session, cast.anna)
    at = open_page(shell, cast.boris)
    at.button(key="duplicates_snooze").click().run()
    assert state_of(database, twins.pair) is PairState.SNOOZED
    at.button(key="undo_1").click().run()
    assert state_of(database, twins.pair) is PairState.OPEN
    at.button(key="duplicates_dismiss").click().run()
    assert state_of(database, twins.pair) is PairState.NOT_DUPLICATE
    assert at.info[0].value.startswith("Nothing waits for you.")
    at.selectbox(key="duplicates_state").set_value(PairState.NOT_DUPLICATE).run()
    at.button(key="duplicates_reopen").click().run()
    assert state_of(database, twins.pair) is PairState.OPEN


def test_record_saved_meanwhile_refuses_the_merge_and_is_chosen_from_anew(
    shell: OpenShell, cast: Cast, database: Database
) -> None:
    with database.session_scope() as session:
        twins = add_twins(session, cast.anna)
    at = open_page(shell, cast.boris)
    at.radio(key=f"duplicates_take_{twins.pair}_position").set_value("right").run()
    with database.session_scope() as session:
        edit_contact(
            session, cast.anna, contact_id=twins.left, expected_version=1, fields=ContactFields("Alexandra P", "Boss")
        )
    at.button(key="duplicates_merge").click().run()
    assert not at.exception
    assert any("Somebody saved this record" in one.value for one in at.markdown)
    assert at.radio(key=f"duplicates_take_{twins.pair}_position").value == "left"
    assert at.radio(key=f"duplicates_take_{twins.pair}_position").options == ["Boss", "—"]
    with database.read_scope() as session:
        assert session.scalars(select(Merge)).all() == []
    at.session_state[f"duplicates_stays_{twins.pair}"] = None  # as a browser says whose mark stood at the former name
    at.button(key="duplicates_merge").click().run()
    assert not at.exception
    with database.read_scope() as session:
        assert session.scalars(select(Merge.survivor_id)).all() == [twins.left]


def test_three_alike_become_one_without_the_one_that_was_taken_out(
    shell: OpenShell, cast: Cast, database: Database
) -> None:
    with database.session_scope() as session:
        first = add_twins(session, cast.anna)
        third = create_contact(session, cast.anna, name="Pavlova Alexandra", points=[(PHONE, NUMBER)])
        other = create_contact(session, cast.anna, name="Pavlova A.", points=[(EMAIL, "pavlova@stal.ru")])
        match_saved(session, EntityType.CONTACT, [third, other])
    at = open_page(shell, cast.boris, pair=first.pair)
    stays = at.radio(key=f"duplicates_stays_{first.pair}").value
    at.checkbox(key=f"duplicates_tick_{first.pair}_{other}").uncheck().run()
    at.button(key="duplicates_merge_all").click().run()
    assert not at.exception
    with database.read_scope() as session:
        merged = {one.id: one.merged_into_id for one in session.scalars(select(Contact))}
    assert merged == {first.left: None, first.right: None, third: None, other: None} | {
        one: stays for one in (first.left, first.right, third) if one != stays
    }
    at.button(key="undo_1").click().run()
    with database.read_scope() as session:
        assert session.scalars(select(Contact.merged_into_id).where(Contact.merged_into_id.is_not(None))).all() == []


def test_pair_that_is_not_sure_ticks_nobody(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        ids = [
            create_contact(session, cast.anna, name=f"Кузнецов Пётр {father}", points=[(PHONE, phone), (EMAIL, email)])
            for father, phone, email in (
                ("Иванович", "+7 903 111-22-30", "kuz0@pochta.ru"),
                ("Олегович", "+7 903 111-22-31", "kuz1@pochta.ru"),
            )
            for _copy in range(2)
        ]
        match_saved(session, EntityType.CONTACT, ids)
        pair = session.scalars(select(MatchPair).filter_by(left_id=ids[0], right_id=ids[2])).one()
        assert not pair.is_automatic
        pair_id = pair.id
    at = open_page(shell, cast.boris, pair=pair_id)
    ticks = {one.key: one.value for one in at.checkbox if one.key and one.key.startswith("duplicates_tick")}
    assert (len(ticks), set(ticks.values())) == (3, {False})
    assert at.button(key="duplicates_merge_all").disabled
    for key in list(ticks)[:2]:
        at.checkbox(key=key).check().run()
    assert at.button(key="duplicates_merge_all").label == "Merge 2 records"
    assert not at.button(key="duplicates_merge_all").disabled


def test_records_that_somebody_keeps_apart_are_not_offered_together(
    shell: OpenShell, cast: Cast, database: Database
) -> None:
    with database.session_scope() as session:
        first = add_twins(session, cast.anna)
        third = create_contact(session, cast.anna, name="Pavlova Alexandra", points=[(PHONE, NUMBER)])
        match_saved(session, EntityType.CONTACT, [third])
        apart = session.scalars(select(MatchPair.id).filter_by(left_id=first.right, right_id=third)).one()
        dismiss_pair(session, cast.boris, pair_id=apart)
    at = open_page(shell, cast.boris, pair=first.pair)
    assert not at.exception
    assert "Not with these, as somebody said: Pavlova Alexandra" in texts(at)
    assert not [one for one in at.checkbox if one.key and one.key.startswith("duplicates_tick")]
    assert not [one for one in at.button if one.key == "duplicates_merge_all"]


def test_stale_window_does_not_merge_what_a_colleague_has_dismissed(
    shell: OpenShell, cast: Cast, database: Database
) -> None:
    with database.session_scope() as session:
        twins = add_twins(session, cast.anna)
    at = open_page(shell, cast.boris, pair=twins.pair)
    with database.session_scope() as session:
        dismiss_pair(session, cast.vera, pair_id=twins.pair)
    at.button(key="duplicates_merge").click().run()
    assert not at.exception
    assert any("Somebody has just decided about this pair" in one.value for one in at.markdown)
    assert state_of(database, twins.pair) is PairState.NOT_DUPLICATE
    assert not [one for one in at.button if one.key == "duplicates_merge"]


def test_head_sees_pairs_of_the_own_team_only(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        twins = add_twins(session, cast.dina)
    at = open_page(shell, cast.boris, pair=twins.pair)
    assert "This pair is no longer there" in texts(at)
    assert "Pavlova" not in texts(at)


def test_names_are_shown_as_typed(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        add_twins(session, cast.anna, name=NASTY)
    at = open_page(shell, cast.vera)
    assert not at.exception
    assert md(NASTY) in "".join(at.radio(key="duplicates_list_choice").options)
    assert "![i](" not in "".join(str(one.value) for one in at.main.markdown)


def test_filters_narrow_the_queue(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        add_twins(session, cast.anna)
    at = open_page(shell, cast.vera)
    at.button_group(key="duplicates_kind").set_value(EntityType.DEAL).run()
    assert at.info[0].value.startswith("No pair fits these filters.")


def test_history_lists_merges_and_undone_ones(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        twins = add_twins(session, cast.anna)
        merge_records(
            session, cast.boris, entity_type=EntityType.CONTACT, survivor_id=twins.left, merged_id=twins.right
        )
    at = open_page(shell, cast.boris)
    at.session_state["duplicates_tabs"] = "Merges"
    at.run()
    assert not at.exception
    assert [one.label for one in at.button if one.key and one.key.startswith("merge_undo_")] == ["Undo the merge"]
    for text, found in (("pavlova", 1), (f"#{twins.right}", 1), ("nobody", 0)):
        at.text_input(key="merges_text").set_value(text).run()
        assert len([one for one in at.button if one.key and one.key.startswith("merge_undo_")]) == found
    assert at.info[0].value.startswith("No merge fits these filters.")
    empty = open_page(shell, cast.dina)
    empty.session_state["duplicates_tabs"] = "Merges"
    assert empty.run().info[0].value.startswith("Nothing has been merged yet.")


def test_phone_in_the_name_is_moved_by_one_click(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        twins = add_twins(session, cast.anna)
    at = open_page(shell, cast.boris)
    at.session_state["duplicates_tabs"] = "Wrong fields"
    at.run()
    assert "phone +7 916 240-17-35 in “Full name” · will be “Alexandra Pavlova”" in texts(at)
    at.checkbox(key="wrong_all").check().run()
    at.button(key="wrong_move").click().run()
    assert not at.exception
    assert at.info[0].value.startswith("Every phone, e-mail and INN stands where it belongs.")
    with database.read_scope() as session:
        assert session.get_one(Contact, twins.right).name == "Alexandra Pavlova"
        numbers = select(ContactPoint.normalised).filter_by(contact_id=twins.right, kind=PHONE)
        assert session.scalars(numbers).all() == ["+79162401735"]


def test_scan_is_asked_for_followed_and_stopped(shell: OpenShell, cast: Cast, database: Database) -> None:
    at = open_page(shell, cast.boris)
    at.button(key="scan_start").click().run()
    assert not at.exception
    with database.read_scope() as session:
        assert session.scalars(select(BackgroundJob.status)).all() == [JobStatus.QUEUED]
    at.button(key="scan_stop").click().run()
    with database.read_scope() as session:
        assert session.scalars(select(BackgroundJob.status)).all() == [JobStatus.CANCELLED]
    at.run()
    assert "was stopped" in texts(at)
    assert at.button(key="scan_start").label == "Scan the base"


def test_scan_of_somebody_else_is_seen_by_every_reviewer(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        start_scan(session, cast.vera)
    assert open_page(shell, cast.boris).button(key="scan_stop").label == "Stop"


@pytest.mark.parametrize("person", ["boris", "vera"])
def test_merging_in_bulk_is_for_administrators(person: str, shell: OpenShell, cast: Cast) -> None:
    at = open_page(shell, getattr(cast, person))
    assert ("In bulk" in [tab.label for tab in at.main.get("tab")]) == (person == "vera")
