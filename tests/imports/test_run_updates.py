from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from crm.actor import Actor
from crm.clock import utc_now
from crm.db import Database
from crm.deals.commands import edit_deal
from crm.deals.values import DealChanges
from crm.imports.reads import load_import, load_rows
from crm.models import (
    Deal,
    DealStatus,
    Event,
    ExternalId,
    NextStep,
    RowVerdict,
    StageVisit,
    StepResult,
    VisitOutcome,
)
from tests.conftest import Cast, rows_of_all_tables
from tests.factories import PipelineRows, add_pipeline
from tests.imports.importing import Importer, deals_file, deals_mapping

DAY = timedelta(days=1)


@pytest.fixture
def pipeline(database: Database, cast: Cast) -> PipelineRows:
    """Commit the pipeline that the mapping of these tests names."""
    with database.session_scope() as session:
        return add_pipeline(session)


def only_deal(database: Database) -> Deal:
    """Return the one deal."""
    with database.read_scope() as session:
        return session.scalars(select(Deal)).one()


def verdicts(database: Database, actor: Actor, import_id: int) -> dict[str, int]:
    """Return how many rows got which verdict."""
    with database.read_scope() as session:
        counts = load_import(session, actor, import_id).counts
    return {verdict.value: counts.of(verdict.value) for verdict in RowVerdict if counts.of(verdict.value)}


def codes(database: Database, actor: Actor, import_id: int) -> list[str]:
    """Return the codes of all violations."""
    with database.read_scope() as session:
        failed = load_rows(session, actor, import_id, verdict=RowVerdict.FAILED)
    return [one.code for _id, row in failed for one in row.violations]


def visits(database: Database) -> list[tuple[int, int, VisitOutcome, bool]]:
    """Return stage, owner, outcome and whether it lasts of all visits, in order."""
    with database.read_scope() as session:
        rows = session.scalars(select(StageVisit).order_by(StageVisit.id))
        return [(row.stage_id, row.owner_id, row.outcome, row.left_at is None) for row in rows]


ROWS = (
    "1;Sheet;Offer sent;Anna;5;Mir LLC;01.02.2025;21.02.2025;;",
    "2;Tube;Paid;Anton;7;Mir LLC;01.02.2025;;01.03.2025;",
    "3;Rod;Lost;Anna;0;;01.02.2025;;01.03.2025;Price",
    "4;No owner;;;;;;;;",
)


def test_same_files_again_change_nothing(importer: Importer, cast: Cast, pipeline: PipelineRows) -> None:
    importer.run(cast.vera, deals_file(*ROWS), deals_mapping())
    before = rows_of_all_tables(importer.database)
    again = importer.run(cast.vera, deals_file(*ROWS), deals_mapping())
    after = rows_of_all_tables(importer.database)
    assert verdicts(importer.database, cast.vera, again) == {"unchanged": 4}
    new_events = after.pop("events")[len(before.pop("events")) :]
    assert len(new_events) == 2  # the import itself, begun and finished
    for own in ("imports", "import_rows"):
        before.pop(own)
        after.pop(own)
    assert after == before


def test_rows_without_an_id_are_known_again_by_what_names_them(
    importer: Importer, cast: Cast, pipeline: PipelineRows
) -> None:
    mapping = deals_mapping()
    part = {**mapping["files"][0], "columns": {**mapping["files"][0]["columns"]}}
    del part["columns"]["external_id"]
    mapping["files"] = [part]
    rows = (";A;;Anna;5;Mir;;;;", ";A;;Anna;6;Mir;;;;", ";B;;Anna;5;Mir;;;;")
    first = importer.run(cast.vera, deals_file(*rows), mapping)
    again = importer.run(cast.vera, deals_file(*rows), mapping, batch_rows=1)
    assert verdicts(importer.database, cast.vera, first) == {"created": 3}
    assert verdicts(importer.database, cast.vera, again) == {"unchanged": 3}


def test_same_id_twice_in_a_file_fails_the_second_time(importer: Importer, cast: Cast, pipeline: PipelineRows) -> None:
    rows = ("1;A;;Anna;;;;;;", "1;B;;Anna;;;;;;")
    for batch_rows in (1000, 1):
        import_id = importer.run(cast.vera, deals_file(*rows), deals_mapping(), batch_rows=batch_rows)
        assert codes(importer.database, cast.vera, import_id) == ["row_repeats"]
    assert only_deal(importer.database).title == "A"


def test_filled_cells_win_and_blank_ones_change_nothing(importer: Importer, cast: Cast, pipeline: PipelineRows) -> None:
    importer.run(cast.vera, deals_file("1;Sheet;;Anna;5;Mir LLC;;;;"), deals_mapping())
    before = only_deal(importer.database)
    again = importer.run(cast.vera, deals_file("1;Sheet 2 mm;;;7,5;;;;;"), deals_mapping())
    deal = only_deal(importer.database)
    assert verdicts(importer.database, cast.vera, again) == {"updated": 1}
    assert (deal.title, deal.amount_minor, deal.company_id, deal.version) == ("Sheet 2 mm", 750, before.company_id, 2)
    with importer.database.read_scope() as session:
        event = session.scalars(select(Event).where(Event.kind == "deal.edited")).one()
    assert event.details["changes"] == {"title": ["Sheet", "Sheet 2 mm"], "amount_minor": [500, 750]}


def test_new_owner_takes_the_deal_over(importer: Importer, cast: Cast, pipeline: PipelineRows) -> None:
    importer.run(cast.vera, deals_file("1;A;;Anna;;;;;;"), deals_mapping())
    importer.run(cast.vera, deals_file("1;A;;Anton;;;;;;"), deals_mapping())
    assert only_deal(importer.database).owner_id == cast.anton.user_id
    assert visits(importer.database) == [
        (pipeline.stages[0], cast.anna.user_id, VisitOutcome.HANDOVER, False),
        (pipeline.stages[0], cast.anton.user_id, VisitOutcome.OPEN, True),
    ]
    with importer.database.read_scope() as session:
        assert session.scalars(select(NextStep.owner_id)).all() == [cast.anton.user_id]


def test_deal_moves_to_the_next_stage_on_the_day_the_file_says(
    importer: Importer, cast: Cast, pipeline: PipelineRows
) -> None:
    mapping = deals_mapping()
    mapping["files"] = [{**mapping["files"][0], "entered": {"Contact made": "contacted", "Need found": "offered"}}]
    importer.run(cast.vera, deals_file("1;A;;Anna;;;01.02.2025;;;"), mapping)
    importer.run(cast.vera, deals_file("1;A;Need found;Anna;;;01.02.2025;21.02.2025;;"), mapping)
    deal = only_deal(importer.database)
    assert (deal.stage_id, deal.stage_entered_at) == (pipeline.stages[1], datetime(2025, 2, 20, 21, tzinfo=UTC))
    assert [(stage, outcome) for stage, _owner, outcome, _lasts in visits(importer.database)] == [
        (pipeline.stages[0], VisitOutcome.FORWARD),
        (pipeline.stages[1], VisitOutcome.OPEN),
    ]


def test_deal_that_was_won_elsewhere_is_won_here_by_the_rules(
    importer: Importer, cast: Cast, pipeline: PipelineRows
) -> None:
    importer.run(cast.vera, deals_file("1;A;Invoice issued;Anna;;;01.02.2025;;;"), deals_mapping())
    refused = importer.run(cast.vera, deals_file("1;A;Paid;Anna;;;;;01.03.2025;"), deals_mapping())
    assert codes(importer.database, cast.vera, refused) == ["amount_not_positive"]
    importer.run(cast.vera, deals_file("1;A;Paid;Anna;5;;;;01.03.2025;"), deals_mapping())
    deal = only_deal(importer.database)
    assert (deal.status, deal.closed_at, deal.next_due_at) == (
        DealStatus.WON, datetime(2025, 2, 28, 21, tzinfo=UTC), None,
    )  # fmt: skip
    with importer.database.read_scope() as session:
        assert session.scalars(select(NextStep.result)).all() == [StepResult.CANCELLED]


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ("Contact made", "Offer sent", "skip_not_allowed"),
        ("Contact made", "Paid", "skip_not_allowed"),
        ("Offer sent", "Need found", "back_not_allowed"),
        ("Paid", "Offer sent", "deal_closed"),
    ],
)
def test_move_against_the_rules_fails_like_anywhere(
    importer: Importer, cast: Cast, pipeline: PipelineRows, first: str, second: str, code: str
) -> None:
    importer.run(cast.vera, deals_file(f"1;A;{first};Anna;5;;;;;"), deals_mapping())
    before = rows_of_all_tables(importer.database)["deals"]
    import_id = importer.run(cast.vera, deals_file(f"1;B;{second};Anna;6;;;;;"), deals_mapping())
    assert codes(importer.database, cast.vera, import_id) == [code]
    assert rows_of_all_tables(importer.database)["deals"] == before


def test_present_deal_never_changes_its_pipeline(importer: Importer, cast: Cast, pipeline: PipelineRows) -> None:
    with importer.database.session_scope() as session:
        add_pipeline(session, name="Repeat sales")
    importer.run(cast.vera, deals_file("1;A;;Anna;;;;;;"), deals_mapping())
    mapping = deals_mapping()
    mapping["files"] = [{**mapping["files"][0], "defaults": {"pipeline": "Repeat sales"}}]
    import_id = importer.run(cast.vera, deals_file("1;A;;Anna;;;;;;"), mapping)
    assert codes(importer.database, cast.vera, import_id) == ["stage_of_other_pipeline"]


def test_plan_says_what_the_run_then_does(importer: Importer, cast: Cast, pipeline: PipelineRows) -> None:
    importer.run(cast.vera, deals_file(*ROWS), deals_mapping())
    second = (
        "1;Sheet 2;Offer sent;Anton;6;Luna;;;;",
        ROWS[1],
        "3;Rod;Contact made;Anna;;;;;;",
        "5;New;;Anna;5;Luna;;;;",
        "6;Bad;;Nobody;;;;;;",
    )
    before = rows_of_all_tables(importer.database)
    plan = importer.plan(cast.vera, deals_file(*second), deals_mapping())
    assert rows_of_all_tables(importer.database) == before
    import_id = importer.run(cast.vera, deals_file(*second), deals_mapping())
    with importer.database.read_scope() as session:
        done = [
            (row.line, row.verdict, row.violations)
            for verdict in RowVerdict
            for _id, row in load_rows(session, cast.vera, import_id, verdict=verdict)
        ]
    assert sorted((row.line, row.verdict, row.violations) for row in plan.rows) == sorted(done)
    assert [row.verdict.value for row in plan.rows] == ["updated", "unchanged", "failed", "created", "failed"]
    assert set(plan.rows[0].changes) == {"title", "amount_minor", "company_id", "owner_id"}


def test_edit_by_a_person_between_two_imports_is_overwritten_and_recorded(
    importer: Importer, cast: Cast, pipeline: PipelineRows
) -> None:
    importer.run(cast.vera, deals_file("1;A;;Anna;5;;;;;"), deals_mapping())
    deal = only_deal(importer.database)
    with importer.database.session_scope() as session:
        edit_deal(session, cast.anna, deal_id=deal.id, expected_version=1, changes=DealChanges(amount_minor=900))
    importer.run(cast.vera, deals_file("1;A;;Anna;5;;;;;"), deals_mapping())
    with importer.database.read_scope() as session:
        changed = session.scalars(select(Event.details).where(Event.kind == "deal.edited").order_by(Event.id)).all()
    assert [one["changes"]["amount_minor"] for one in changed] == [[500, 900], [900, 500]]


def test_ids_of_two_systems_do_not_meet(importer: Importer, cast: Cast, pipeline: PipelineRows) -> None:
    importer.run(cast.vera, deals_file("1;A;;Anna;;;;;;"), deals_mapping())
    importer.run(cast.vera, deals_file("1;B;;Anna;;;;;;"), deals_mapping(system="other"))
    with importer.database.read_scope() as session:
        assert session.scalar(select(func.count()).select_from(Deal)) == 2
        assert set(session.scalars(select(ExternalId.system))) == {"old", "other"}


def test_step_of_an_updated_deal_stays(importer: Importer, cast: Cast, pipeline: PipelineRows) -> None:
    importer.run(cast.vera, deals_file("1;A;;Anna;;;;;;"), deals_mapping(next_step={"in_days": 3}))
    importer.run(cast.vera, deals_file("1;B;;Anna;;;;;;"), deals_mapping(next_step={"in_days": 30}))
    with importer.database.read_scope() as session:
        assert session.scalars(select(NextStep)).one().due_at < utc_now() + 5 * DAY
