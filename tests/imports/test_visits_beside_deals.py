from __future__ import annotations

import pytest

from crm.db import Database
from crm.imports.reads import load_rows
from crm.imports.report import load_report
from crm.models import Company, DealStatus, LossReason, RowVerdict
from tests.conftest import Cast, rows_of_all_tables
from tests.imports.importing import Importer
from tests.imports.visits import deal_of, read_back, stage_name, visits_file, visits_mapping

DEALS = {
    "file": "deals.csv",
    "kind": "deals",
    "columns": {"external_id": "id", "title": "title", "stage": "stage", "owner": "owner", "amount": "amount",
                "company": "company", "closed_on": "closed", "loss_reason": "reason"},
}  # fmt: skip


def both(deals: tuple[str, ...], visits: tuple[str, ...]) -> dict[str, str | bytes]:
    """Return a file of deals and the file of their visits."""
    header = "id;title;stage;owner;amount;company;closed;reason"
    return {"deals.csv": "\n".join([header, *deals]) + "\n", **visits_file(*visits)}


def mapping() -> dict[str, object]:
    """Return the mapping of both files."""
    plain = visits_mapping()
    return {**plain, "files": [DEALS, *plain["files"]]}


def failures(database: Database, cast: Cast, import_id: int) -> list[str]:
    """Return the codes of the failed rows."""
    with database.read_scope() as session:
        rows = load_rows(session, cast.vera, import_id, verdict=RowVerdict.FAILED)
    return [one.code for _id, row in rows for one in row.violations]


def test_visits_are_the_history_and_the_deals_file_says_the_rest(
    importer: Importer, cast: Cast, database: Database
) -> None:
    files = both(
        ("1;Big one;;Anton;500;Mir;;", "2;Small one;;Anton;;Mir;;", "3;No history;Demo;Anton;;;;"),
        (
            "1;New;2025-01-01 10:00;Anna;;;;70",
            "1;Demo;2025-01-02 10:00;Anna",
            "1;Won;2025-01-03 10:00;",
            "2;Offer;2025-01-02 10:00;;;;;30",
        ),
    )
    before = rows_of_all_tables(database)
    plan = importer.plan(cast.vera, files, mapping())
    import_id = importer.run(cast.vera, files, mapping())
    assert [(one.stage, one.owner, one.outcome) for one in read_back(database, "Big one")] == [
        ("New", "Anna", "forward"), ("Demo", "Anna", "won"),
    ]  # fmt: skip
    assert [(one.stage, one.owner) for one in read_back(database, "Small one")] == [("Offer", None)]
    big, small = deal_of(database, "Big one"), deal_of(database, "Small one")
    assert (big.status, big.amount_minor, big.owner_id) == (DealStatus.WON, 50_000, cast.anton.user_id)
    assert (big.created_at.day, big.next_due_at, big.version) == (1, None, 1)
    assert (small.status, small.amount_minor, small.owner_id) == (DealStatus.OPEN, 3_000, cast.anton.user_id)
    assert small.next_due_at is not None
    with database.read_scope() as session:
        assert session.get_one(Company, big.company_id).name == "Mir"
        assert load_report(session, cast.vera, import_id).deals == plan.report.deals
    again = importer.run(cast.vera, files, mapping())
    with database.read_scope() as session:
        assert {row.verdict for _id, row in load_rows(session, cast.vera, again, verdict=RowVerdict.UNCHANGED)}
        assert load_rows(session, cast.vera, again, verdict=RowVerdict.UPDATED) == []
        assert load_rows(session, cast.vera, again, verdict=RowVerdict.CREATED) == []
    importer.undo(cast.vera, again)
    importer.undo(cast.vera, import_id)
    after = rows_of_all_tables(database)
    assert {name for name in after if after[name] != before[name]} == {"imports", "events"}


def test_deals_file_says_how_a_deal_ended_whose_visits_stop_before(
    importer: Importer, cast: Cast, database: Database
) -> None:
    files = both(
        ("1;A;Lost;Anna;;;2025-01-05;Price", "2;B;Won;Anna;9;;2025-01-02;"),
        ("1;New;2025-01-01 10:00;Anna", "2;New;2025-01-01 10:00;Anna", "2;Offer;2025-01-02 16:00;Anna"),
    )
    import_id = importer.run(cast.vera, files, mapping())
    assert failures(database, cast, import_id) == []
    lost = deal_of(database, "A")
    assert [(one.left, one.outcome) for one in read_back(database, "A")] == [("05 00:00", "lost")]
    assert stage_name(database, lost.loss_stage_id) == "New"
    with database.read_scope() as session:
        assert session.get_one(LossReason, lost.loss_reason_id).name == "Price"
    assert [(one.left, one.outcome) for one in read_back(database, "B")] == [
        ("02 16:00", "forward"), ("02 16:00", "won"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("deal", "visit", "code"),
    [
        ("1;A;Won;Anna;5;;2025-01-05;", "1;Lost;2025-01-04;Anna", "visits_end_differs"),
        ("1;A;Demo;Anna;5;;;", "1;Offer;2025-01-04;Anna", "visits_end_differs"),
        ("1;A;Won;Anna;5;;2025-01-01;", "1;Offer;2025-01-04;Anna", "dates_out_of_order"),
    ],
)
def test_visits_that_end_elsewhere_than_the_deals_file_says_are_refused(
    importer: Importer, cast: Cast, database: Database, deal: str, visit: str, code: str
) -> None:
    import_id = importer.run(cast.vera, both((deal,), (visit,)), mapping())
    assert failures(database, cast, import_id) == [code]
    assert deal_of(database, "A").title == "A"


def test_two_files_of_visits_are_refused(importer: Importer, cast: Cast, database: Database) -> None:
    plain = visits_mapping()
    files = {**visits_file("1;New;2025-01-01;Anna"), **visits_file("1;Demo;2025-01-02;Anna", name="two.csv")}
    tree = {**plain, "files": [*plain["files"], {**plain["files"][0], "file": "two.csv"}]}
    with pytest.raises(Exception, match="invalid_input") as refused:
        importer.plan(cast.vera, files, tree)
    assert [one.code for one in refused.value.violations] == ["visits_in_one_file"]  # type: ignore[attr-defined]


def test_open_deal_that_the_deals_file_gives_to_another_changes_hands_now(
    importer: Importer, cast: Cast, database: Database
) -> None:
    files = both(("1;A;;Anton;;;;",), ("1;New;2025-01-01 10:00;Anna", "1;New;2025-01-02 10:00;"))
    importer.run(cast.vera, files, mapping())
    assert [(one.owner, one.outcome, one.stay) for one in read_back(database, "A")] == [
        ("Anna", "handover", "01 10:00"), ("Anton", "open", "01 10:00"),
    ]  # fmt: skip
    before = read_back(database, "A")
    importer.run(cast.vera, files, mapping())
    assert read_back(database, "A") == before


def test_deal_whose_row_names_nobody_is_its_last_visitors(importer: Importer, cast: Cast, database: Database) -> None:
    importer.run(cast.vera, both(("1;A;;;;;;",), ("1;New;2025-01-01 10:00;Anna",)), mapping())
    assert deal_of(database, "A").owner_id == cast.anna.user_id
