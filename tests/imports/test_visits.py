from __future__ import annotations

import pytest
from sqlalchemy import func, select

from crm.analytics.trust.days import keep_day
from crm.db import Database
from crm.imports.reads import failed_rows_file, load_import, load_rows
from crm.imports.report import load_report
from crm.imports.undo import undo_import
from crm.models import (
    Channel,
    Deal,
    DealStatus,
    Event,
    ExternalId,
    LossReason,
    NextStep,
    RowVerdict,
    StageReach,
    StageVisit,
    User,
)
from tests.conftest import Cast, rows_of_all_tables
from tests.imports.importing import Importer
from tests.imports.visits import Visit, deal_of, read_back, stage_name, visits_file, visits_mapping


def verdicts(database: Database, cast: Cast, import_id: int) -> dict[str, int]:
    """Return how many rows got which verdict."""
    with database.read_scope() as session:
        counts = load_import(session, cast.vera, import_id).counts
    return {verdict.value: counts.of(verdict.value) for verdict in RowVerdict if counts.of(verdict.value)}


def failures(database: Database, cast: Cast, import_id: int) -> dict[int, list[str]]:
    """Return the codes of each failed row by its line."""
    with database.read_scope() as session:
        rows = load_rows(session, cast.vera, import_id, verdict=RowVerdict.FAILED)
    return {row.line: [one.code for one in row.violations] for _id, row in rows}


def test_reentries_and_backward_moves_stay_as_they_were(importer: Importer, cast: Cast, database: Database) -> None:
    rows = (
        "1;New;2025-01-01 10:00;Anna",
        "1;Offer;2025-01-02 10:00;Anna",
        "1;New;2025-01-03 10:00;Anna",
        "1;Demo;2025-01-04 10:00;Anna",
        "1;Offer;2025-01-05 10:00;Anna",
        "1;Won;2025-01-06 10:00;Anna;;;;250",
    )
    importer.run(cast.vera, visits_file(*rows), visits_mapping())
    assert read_back(database, "1") == [
        Visit("New", "Anna", "01 10:00", "02 10:00", "forward", True, "Offer", "01 10:00"),
        Visit("Offer", "Anna", "02 10:00", "03 10:00", "back", True, "New", "02 10:00"),
        Visit("New", "Anna", "03 10:00", "04 10:00", "forward", False, "Demo", "03 10:00"),
        Visit("Demo", "Anna", "04 10:00", "05 10:00", "forward", True, "Offer", "04 10:00"),
        Visit("Offer", "Anna", "05 10:00", "06 10:00", "won", False, "Won", "05 10:00"),
    ]
    deal = deal_of(database, "1")
    assert (deal.status, deal.amount_minor, deal.owner_id) == (DealStatus.WON, 25_000, cast.anna.user_id)
    assert (deal.created_at.day, deal.stage_entered_at.day, deal.closed_at and deal.closed_at.day) == (1, 6, 6)
    with database.read_scope() as session:
        assert session.scalar(select(func.count()).select_from(StageReach).filter_by(deal_id=deal.id)) == 4
        assert session.scalars(select(Event.channel).filter_by(kind="deal.imported")).all() == [Channel.IMPORT]


def test_same_stage_again_goes_on_and_another_owner_is_a_hand_over(
    importer: Importer, cast: Cast, database: Database
) -> None:
    rows = (
        "1;New;2025-01-01 10:00;Anna;2025-01-01 11:00",
        "1;New;2025-01-02 10:00;Anna",
        "1;New;2025-01-03 10:00;",
        "1;New;2025-01-04 10:00;Anton",
        "1;Demo;2025-01-05 10:00;Anton",
    )
    importer.run(cast.vera, visits_file(*rows), visits_mapping())
    assert read_back(database, "1") == [
        Visit("New", "Anna", "01 10:00", "04 10:00", "handover", True, "New", "01 10:00"),
        Visit("New", "Anton", "04 10:00", "05 10:00", "forward", False, "Demo", "01 10:00"),
        Visit("Demo", "Anton", "05 10:00", None, "open", True, None, "05 10:00"),
    ]


def test_empty_owner_is_unknown_and_put_under_the_last_known_one(
    importer: Importer, cast: Cast, database: Database
) -> None:
    rows = ("1;New;2025-01-01 10:00;", "1;New;2025-01-02 10:00;Anna", "1;Demo;2025-01-03 10:00;", "2;New;2025-01-01;")
    importer.run(cast.vera, visits_file(*rows), visits_mapping())
    assert [(one.owner, one.outcome) for one in read_back(database, "1")] == [
        (None, "handover"), ("Anna", "forward"), (None, "open"),
    ]  # fmt: skip
    with database.read_scope() as session:
        owners = session.execute(
            select(Deal.title, StageVisit.owner_id).join(StageVisit, StageVisit.deal_id == Deal.id)
        )
        assert {tuple(row) for row in owners} == {("1", cast.anna.user_id), ("2", cast.vera.user_id)}


def test_rows_are_ordered_by_time_then_by_their_place(importer: Importer, cast: Cast, database: Database) -> None:
    rows = (
        "1;Offer;2025-01-02 10:00:00.900;Anna",
        "1;Demo;2025-01-02 10:00:00.100;Anna",
        "1;New;2025-01-01 10:00;Anna",
        "1;Demo;2025-01-03;Anna",
        "1;New;2025-01-03;Anna",
    )
    importer.run(cast.vera, visits_file(*rows), visits_mapping())
    assert [(one.stage, one.entered, one.left) for one in read_back(database, "1")] == [
        ("New", "01 10:00", "02 10:00"),
        ("Demo", "02 10:00", "02 10:00"),
        ("Offer", "02 10:00", "03 00:00"),
        ("Demo", "03 00:00", "03 00:00"),
        ("New", "03 00:00", None),
    ]


def test_row_after_a_closing_one_takes_the_deal_up_again(importer: Importer, cast: Cast, database: Database) -> None:
    rows = (
        "1;New;2025-01-01 10:00;Anna",
        "1;Lost;2025-01-02 10:00;Anna;;;Price",
        "1;Lost;2025-01-03 10:00;Anna",
        "1;New;2025-01-05 10:00;Anton",
        "2;New;2025-01-01 10:00;Anna",
        "2;Lost;2025-01-02 10:00;Anna",
        "2;Lost;2025-01-04 10:00;Anna;;;Too slow",
    )
    importer.run(cast.vera, visits_file(*rows), visits_mapping())
    assert read_back(database, "1") == [
        Visit("New", "Anna", "01 10:00", "02 10:00", "lost", True, "Lost", "01 10:00"),
        Visit("New", "Anton", "05 10:00", None, "open", False, None, "05 10:00"),
    ]
    first, second = deal_of(database, "1"), deal_of(database, "2")
    assert (first.status, first.closed_at, first.loss_reason_id) == (DealStatus.OPEN, None, None)
    assert first.next_due_at is not None
    assert (second.status, second.closed_at and second.closed_at.day) == (DealStatus.LOST, 2)
    assert stage_name(database, second.loss_stage_id) == "New"
    with database.read_scope() as session:
        assert session.get_one(LossReason, second.loss_reason_id).name == "Too slow"
        assert session.scalars(select(NextStep.deal_id)).all() == [first.id]


def test_time_between_leaving_and_the_next_stage_counts_for_no_stage(
    importer: Importer, cast: Cast, database: Database
) -> None:
    rows = (
        "1;New;2025-01-01 10:00;Anna;2025-01-02 10:00",
        "1;Demo;2025-01-04 10:00;Anna;2025-01-09 10:00",
        "1;Offer;2025-01-05 10:00;Anna;2025-01-06 10:00",
    )
    import_id = importer.run(cast.vera, visits_file(*rows), visits_mapping())
    assert [(one.entered, one.left) for one in read_back(database, "1")] == [
        ("01 10:00", "02 10:00"), ("04 10:00", "05 10:00"), ("05 10:00", None),
    ]  # fmt: skip
    with database.read_scope() as session:
        rows_made = load_rows(session, cast.vera, import_id, verdict=RowVerdict.CREATED)
    assert [one.code for _id, row in rows_made for one in row.warnings] == ["visit_left_late", "visit_left_for_nowhere"]


def test_outcome_closes_a_deal_on_its_last_row_and_in_between(
    importer: Importer, cast: Cast, database: Database
) -> None:
    rows = (
        "1;New;2025-01-01 10:00;Anna;2025-01-02 10:00;lost;Price",
        "1;New;2025-01-03 10:00;Anna;;forward",
        "1;Demo;2025-01-04 10:00;Anna;2025-01-05 10:00;won",
        "2;New;2025-01-01 10:00;Anna;;lost",
        "2;Demo;2025-01-02 10:00;Anna;;lost",
        "3;New;2025-01-01 10:00;Anna",
        "3;Closed;2025-01-02 10:00;Anna;;won",
    )
    importer.run(cast.vera, visits_file(*rows), visits_mapping())
    assert [(one.stage, one.left, one.outcome) for one in read_back(database, "1")] == [
        ("New", "02 10:00", "lost"), ("New", "04 10:00", "forward"), ("Demo", "05 10:00", "won"),
    ]  # fmt: skip
    assert [(one.stage, one.left, one.outcome) for one in read_back(database, "2")] == [
        ("New", "02 10:00", "forward"), ("Demo", "02 10:00", "lost"),
    ]  # fmt: skip
    assert [(one.stage, one.left, one.outcome) for one in read_back(database, "3")] == [("New", "02 10:00", "won")]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (";New;2025-01-01;Anna", "value_required"),
        ("1;;2025-01-01;Anna", "value_required"),
        ("1;New;;Anna", "value_required"),
        ("1;New;soon;Anna", "date_invalid"),
        ("1;New;2099-01-01;Anna", "date_in_future"),
        ("1;Nowhere;2025-01-01;Anna", "stage_unknown"),
        ("1;New;2025-01-02;Anna;2025-01-01", "visit_left_before"),
    ],
)
def test_bad_row_refuses_its_whole_deal_and_no_other(
    importer: Importer, cast: Cast, database: Database, bad: str, code: str
) -> None:
    file = visits_file("1;New;2025-01-01 10:00;Anna", bad, "2;New;2025-01-01 10:00;Anna")
    import_id = importer.run(cast.vera, file, visits_mapping())
    assert failures(database, cast, import_id)[3] == [code]
    is_stray = bad.startswith(";")
    assert verdicts(database, cast, import_id) == {"created": 2 if is_stray else 1, "failed": 1 if is_stray else 2}
    if not is_stray:
        assert failures(database, cast, import_id)[2] == ["visit_deal_refused"]
        with database.read_scope() as session:
            content = failed_rows_file(session, cast.vera, import_id, "log.csv").content.decode("utf-8-sig")
        assert '"1";"New";"2025-01-01 10:00";"Anna"' in content
        assert "Another row of this deal, on line 3" in content


def test_second_run_changes_nothing(importer: Importer, cast: Cast, database: Database) -> None:
    rows = (
        "1;New;2025-01-01 10:00;Anna",
        "1;New;2025-01-01 12:00;Anton;2025-01-01 13:00",
        "1;Offer;2025-01-02 10:00;",
        "1;Lost;2025-01-03 10:00;;;;Price",
        "1;Demo;2025-01-04 10:00;Anna",
        "1;Demo;2025-01-04 11:00;",
        "2;New;2025-01-01 10:00;Olga;2025-01-02 10:00;won",
        "3;Won;2025-01-01 10:00;Anna",
    )
    importer.run(cast.vera, visits_file(*rows), visits_mapping())
    before = rows_of_all_tables(database)
    import_id = importer.run(cast.vera, visits_file(*rows), visits_mapping())
    assert verdicts(database, cast, import_id) == {"unchanged": 8}
    after = rows_of_all_tables(database)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"imports", "import_rows", "events"}


def test_more_rows_of_a_known_deal_add_what_is_new(importer: Importer, cast: Cast, database: Database) -> None:
    first = ("1;New;2025-01-01 10:00;Anna", "1;Demo;2025-01-02 10:00;Anna", "2;New;2025-01-01 10:00;Anna",
             "2;Lost;2025-01-02 10:00;Anna")  # fmt: skip
    more = ("1;Demo;2025-01-02 10:00;Anna;2025-01-03 10:00", "1;Offer;2025-01-04 10:00;Anton;;;;90",
            "1;Won;2025-01-05 10:00;", "2;Demo;2025-01-07 10:00;")  # fmt: skip
    importer.run(cast.vera, visits_file(*first), visits_mapping())
    before = rows_of_all_tables(database)
    import_id = importer.run(cast.vera, visits_file(*more), visits_mapping())
    assert verdicts(database, cast, import_id) == {"updated": 3, "unchanged": 1}
    assert read_back(database, "1")[1:] == [
        Visit("Demo", "Anna", "02 10:00", "03 10:00", "forward", True, "Offer", "02 10:00"),
        Visit("Offer", "Anton", "04 10:00", "05 10:00", "won", True, "Won", "04 10:00"),
    ]
    won, reopened = deal_of(database, "1"), deal_of(database, "2")
    assert (won.status, won.owner_id, won.amount_minor) == (DealStatus.WON, cast.anton.user_id, 9_000)
    assert won.next_due_at is None
    assert (reopened.status, reopened.loss_reason_id) == (DealStatus.OPEN, None)
    assert reopened.next_due_at is not None
    importer.undo(cast.vera, import_id)
    after = rows_of_all_tables(database)
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {"imports", "import_rows", "events", "deals", "search_entries", "next_steps"}
    assert [(one.stage, one.left) for one in read_back(database, "1")] == [("New", "02 10:00"), ("Demo", None)]
    assert deal_of(database, "1").status is DealStatus.OPEN


@pytest.mark.parametrize(
    "row",
    ["1;Offer;2025-01-01 12:00;Anna", "1;Demo;2025-01-02 10:00;Anton", "1;New;2024-12-31 10:00;Anna"],
)
def test_rows_that_contradict_a_known_history_are_refused(
    importer: Importer, cast: Cast, database: Database, row: str
) -> None:
    known = ("1;New;2025-01-01 10:00;Anna", "1;Demo;2025-01-02 10:00;Anna")
    importer.run(cast.vera, visits_file(*known), visits_mapping())
    before = read_back(database, "1")
    import_id = importer.run(cast.vera, visits_file(row, "1;Offer;2025-01-08 10:00;Anna"), visits_mapping())
    assert failures(database, cast, import_id) == {2: ["visit_contradicts"], 3: ["visit_deal_refused"]}
    assert read_back(database, "1") == before


def test_same_numbers_in_another_pipeline_are_other_deals(importer: Importer, cast: Cast, database: Database) -> None:
    importer.run(cast.vera, visits_file("1;New;2025-01-01 10:00;Anna"), visits_mapping())
    other = visits_mapping(
        pipeline="Other", pipelines=[{"name": "Other", "open": ["New", "Demo"], "won": "Paid", "lost": "No"}]
    )
    for verdict in ("created", "unchanged"):
        import_id = importer.run(cast.vera, visits_file("1;New;2025-01-01 10:00;Anna"), other)
        assert verdicts(database, cast, import_id) == {verdict: 1}
    with database.read_scope() as session:
        assert set(session.scalars(select(ExternalId.external_id).filter_by(entity="deal"))) == {"1", "Other: 1"}


def test_undo_takes_everything_away(importer: Importer, cast: Cast, database: Database) -> None:
    before = rows_of_all_tables(database)
    rows = ("1;New;2025-01-01 10:00;Olga", "1;Lost;2025-01-02 10:00;Olga;;;Price", "2;New;2025-01-01 10:00;")
    import_id = importer.run(cast.vera, visits_file(*rows), visits_mapping())
    with database.read_scope() as session:
        assert session.scalar(select(User.is_active).filter_by(name="Olga")) is False
    importer.undo(cast.vera, import_id)
    after = rows_of_all_tables(database)
    assert {name for name in after if after[name] != before[name]} == {"imports", "events"}


def test_dry_run_counts_as_the_run_does(importer: Importer, cast: Cast, database: Database) -> None:
    rows = ("1;New;2025-01-01 10:00;Olga", "1;Won;2025-01-02 10:00;Olga;;;;70", "2;New;2025-01-01 10:00;", "2;;;")
    plan = importer.plan(cast.vera, visits_file(*rows), visits_mapping())
    assert (plan.new_pipelines, plan.new_people) == (("History",), ("Olga",))
    import_id = importer.run(cast.vera, visits_file(*rows), visits_mapping())
    with database.read_scope() as session:
        report = load_report(session, cast.vera, import_id)
    assert (plan.report.deals, plan.report.counts.rows) == (report.deals, report.counts.rows)
    assert report.deals.value_won_minor == {"RUB": 7_000}


def test_interrupted_run_goes_on_with_the_next_deal(importer: Importer, cast: Cast, database: Database) -> None:
    rows = [f"{deal};{stage};2025-01-0{day};Anna" for day, stage in ((1, "New"), (2, "Demo")) for deal in range(40)]

    def stop(counts: object) -> None:
        with database.read_scope() as session:
            if session.scalar(select(func.count()).select_from(Deal)):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        importer.run(cast.vera, visits_file(*rows), visits_mapping(), batch_rows=2, on_progress=stop)
    importer.run(cast.vera, visits_file(*rows), visits_mapping(), batch_rows=2, resume=1)
    with database.read_scope() as session:
        assert session.scalar(select(func.count()).select_from(Deal)) == 40
        assert session.scalar(select(func.count()).select_from(StageVisit)) == 80
    assert verdicts(database, cast, 1) == {"created": 80}


@pytest.mark.parametrize(
    "text",
    [
        "2025-01-02 10:00:00 UTC",
        "2025-01-02T10:00:00 GMT",
        "20250102T100000Z",
        "1735812000",
        "1735812000000",
        "1735812000123",
    ],
)
def test_times_of_machines_are_read(importer: Importer, cast: Cast, database: Database, text: str) -> None:
    importer.run(cast.vera, visits_file(f"1;New;{text};Anna"), visits_mapping(timezone="Asia/Tokyo"))
    assert [one.entered for one in read_back(database, "1")] == ["02 10:00"]


def test_undo_takes_pipeline_and_people_whatever_the_night_noted_of_them(
    importer: Importer, cast: Cast, database: Database
) -> None:
    before = rows_of_all_tables(database)
    import_id = importer.run(cast.vera, visits_file("1;New;2025-01-01 10:00;Olga"), visits_mapping())
    with database.session_scope() as session:
        assert keep_day(session, cast.vera) > 0
    with database.session_scope() as session:
        assert undo_import(session, cast.vera, import_id=import_id).kept == ()
    after = rows_of_all_tables(database)
    assert {name for name in after if after[name] != before[name]} <= {"imports", "events"}
