from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from crm.clock import utc_now
from crm.db import Database
from crm.errors import InvalidInput
from crm.imports.reads import RowReport, load_rows
from crm.models import (
    Activity,
    Channel,
    Company,
    Contact,
    ContactPoint,
    Deal,
    DealContact,
    DealStatus,
    Event,
    LossReason,
    NextStep,
    RowVerdict,
    StageVisit,
    StepKind,
    VisitOutcome,
)
from tests.conftest import Cast
from tests.factories import PipelineRows, add_company, add_contact, add_pipeline
from tests.imports.importing import Importer, deals_file, deals_mapping


@pytest.fixture
def pipeline(database: Database, cast: Cast) -> PipelineRows:
    """Commit the pipeline that the mapping of these tests names."""
    with database.session_scope() as session:
        return add_pipeline(session)


def moscow(year: int, month: int, day: int) -> datetime:
    """Return the first moment of a day in Moscow, whose zone the company of the tests has."""
    return datetime(year, month, day, tzinfo=UTC) - timedelta(hours=3)


def deals(database: Database) -> dict[str, Deal]:
    """Return all deals by title."""
    with database.read_scope() as session:
        return {deal.title: deal for deal in session.scalars(select(Deal))}


def visits(database: Database, deal_id: int) -> list[StageVisit]:
    """Return a deal's visits in order."""
    with database.read_scope() as session:
        return list(session.scalars(select(StageVisit).filter_by(deal_id=deal_id).order_by(StageVisit.entered_at)))


def failures(database: Database, cast: Cast, import_id: int) -> list[list[tuple[str, str | None]]]:
    """Return code and field of each violation, by failed row."""
    return [
        [(one.code, one.field) for one in row.violations] for row in rows(database, cast, import_id, RowVerdict.FAILED)
    ]


def rows(database: Database, cast: Cast, import_id: int, verdict: RowVerdict) -> Sequence[RowReport]:
    """Return the rows of an import with one verdict."""
    with database.read_scope() as session:
        return [row for _id, row in load_rows(session, cast.vera, import_id, verdict=verdict)]


def test_open_deal_gets_visits_of_the_stages_that_are_dated(
    importer: Importer, cast: Cast, pipeline: PipelineRows
) -> None:
    importer.run(
        cast.vera,
        deals_file(
            "7;Sheet;Offer sent;Anna;«1 250 000,50 ₽»;Mir;01.02.2025;21.02.2025 10:30;;".replace("«", "").replace(
                "»", ""
            )
        ),
        deals_mapping(),
    )
    deal = deals(importer.database)["Sheet"]
    assert (deal.amount_minor, deal.currency, deal.owner_id) == (125_000_050, "RUB", cast.anna.user_id)
    assert (deal.stage_id, deal.status, deal.created_channel) == (pipeline.stages[2], DealStatus.OPEN, Channel.IMPORT)
    offered = datetime(2025, 2, 21, 7, 30, tzinfo=UTC)
    assert [
        (v.stage_id, v.entered_at, v.left_at, v.outcome, v.next_stage_id, v.is_first)
        for v in visits(importer.database, deal.id)
    ] == [
        (pipeline.stages[0], moscow(2025, 2, 1), offered, VisitOutcome.FORWARD, pipeline.stages[2], True),
        (pipeline.stages[2], offered, None, VisitOutcome.OPEN, None, True),
    ]
    assert (deal.created_at, deal.stage_entered_at, deal.closed_at) == (moscow(2025, 2, 1), offered, None)


def test_open_deal_without_a_next_step_gets_one_in_the_company_language(
    importer: Importer, cast: Cast, pipeline: PipelineRows
) -> None:
    importer.run(cast.vera, deals_file("7;Sheet;;Anna;;;;;;"), deals_mapping(next_step={"in_days": 3}))
    with importer.database.read_scope() as session:
        step, deal = session.scalars(select(NextStep)).one(), session.scalars(select(Deal)).one()
    assert (step.kind, step.text, step.owner_id, step.done_at) == (
        StepKind.REVIEW, "Review the imported deal", cast.anna.user_id, None,
    )  # fmt: skip
    assert deal.next_due_at == step.due_at
    assert utc_now() + timedelta(days=2) < step.due_at < utc_now() + timedelta(days=4)
    assert step.due_at.hour == 15  # six in the evening in Moscow


def test_won_deal_closes_its_last_known_stay(importer: Importer, cast: Cast, pipeline: PipelineRows) -> None:
    importer.run(cast.vera, deals_file("7;Sheet;Paid;Anna;5;;01.02.2025;;01.03.2025;"), deals_mapping())
    deal = deals(importer.database)["Sheet"]
    assert (deal.status, deal.stage_id, deal.closed_at) == (DealStatus.WON, pipeline.won, moscow(2025, 3, 1))
    assert (deal.stage_entered_at, deal.next_due_at, deal.loss_stage_id) == (moscow(2025, 3, 1), None, None)
    (visit,) = visits(importer.database, deal.id)
    assert (visit.stage_id, visit.left_at, visit.outcome, visit.next_stage_id) == (
        pipeline.stages[0], moscow(2025, 3, 1), VisitOutcome.WON, pipeline.won,
    )  # fmt: skip
    with importer.database.read_scope() as session:
        assert session.scalar(select(func.count()).select_from(NextStep)) == 0


def test_lost_deal_keeps_reason_and_stage(importer: Importer, cast: Cast, pipeline: PipelineRows) -> None:
    importer.run(
        cast.vera,
        deals_file("7;A;Lost;Anna;5;;01.02.2025;02.02.2025;01.03.2025;Price", "8;B;Lost;Anna;;;;;01.03.2025;"),
        deals_mapping(),
    )
    found = deals(importer.database)
    assert (found["A"].loss_reason_id, found["A"].loss_stage_id) == (pipeline.reasons[0], pipeline.stages[2])
    with importer.database.read_scope() as session:
        reason = session.get_one(LossReason, found["B"].loss_reason_id)
    assert (reason.name, reason.pipeline_id) == ("Not stated in the imported data", pipeline.id)
    assert found["B"].loss_stage_id is None
    assert visits(importer.database, found["B"].id) == []  # nobody saw it pass a stage


def test_reason_that_needs_a_note_fails_without_one(importer: Importer, cast: Cast, pipeline: PipelineRows) -> None:
    import_id = importer.run(cast.vera, deals_file("7;A;Lost;Anna;5;;;;01.03.2025;Other"), deals_mapping())
    assert failures(importer.database, cast, import_id) == [[("loss_note_missing", "loss_note")]]


def test_new_reasons_are_added_but_a_column_of_free_text_goes_into_notes(
    importer: Importer, cast: Cast, pipeline: PipelineRows
) -> None:
    importer.run(cast.vera, deals_file("1;A;Lost;Anna;;;;;01.03.2025;Too far"), deals_mapping())
    with importer.database.read_scope() as session:
        assert "Too far" in set(session.scalars(select(LossReason.name)))
    texts = [f"{number};D{number};Lost;Anna;;;;;01.03.2025;because {number}" for number in range(2, 60)]
    importer.run(cast.vera, deals_file(*texts), deals_mapping())
    with importer.database.read_scope() as session:
        names = set(session.scalars(select(LossReason.name)))
        notes = set(session.scalars(select(Deal.loss_note).where(Deal.loss_note.is_not(None))))
    assert "because 2" not in names
    assert "because 2" in notes


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("1;;Offer sent;Anna;;;;;;", [("value_required", "title")]),
        (f"1;{'x' * 500};;Anna;;;;;;", [("text_too_long", "title")]),
        ("1;A;Nowhere;Anna;;;;;;", [("stage_unknown", "stage")]),
        ("1;A;;Nobody;;;;;;", [("owner_unknown", "owner")]),
        ("1;A;;Anna;much;;;;;", [("amount_invalid", "amount")]),
        ("1;A;;Anna;-5;;;;;", [("amount_invalid", "amount")]),
        ("1;A;;Anna;99999999999999999999;;;;;", [("amount_invalid", "amount")]),
        ("1;A;Paid;Anna;0;;;;01.03.2025;", [("amount_not_positive", "amount")]),
        ("1;A;Paid;Anna;;;;;01.03.2025;", [("amount_not_positive", "amount")]),
        ("1;A;Paid;Anna;5;;;;31.02.2025;", [("date_invalid", "closed_on")]),
        ("1;A;Paid;Anna;5;;01.03.2025;;01.02.2025;", [("dates_out_of_order", "closed_on")]),
        ("1;A;Offer sent;Anna;5;;01.03.2025;01.02.2025;;", [("dates_out_of_order", "stage")]),
        ("1;A;Paid;Anna;5;;;;01.03.2099;", [("date_in_future", "closed_on")]),
        ("1;A;;Anna;5;;;;;;;extra", [("row_too_wide", None)]),
        ("1;;Nowhere;Nobody;much;;;;;", [
            ("value_required", "title"), ("amount_invalid", "amount"), ("owner_unknown", "owner"),
            ("stage_unknown", "stage"),
        ]),
    ],
)  # fmt: skip
def test_wrong_row_fails_with_every_reason_and_writes_nothing(
    importer: Importer, cast: Cast, pipeline: PipelineRows, row: str, found: list[tuple[str, str | None]]
) -> None:
    import_id = importer.run(cast.vera, deals_file(row, "9;Good;;Anna;;;;;;"), deals_mapping())
    assert failures(importer.database, cast, import_id) == [found]
    assert list(deals(importer.database)) == ["Good"]


def test_failed_row_leaves_no_company_behind(importer: Importer, cast: Cast, pipeline: PipelineRows) -> None:
    importer.run(cast.vera, deals_file("1;A;;Anna;much;Mir LLC;;;;", "2;B;;Nobody;;Luna LLC;;;;"), deals_mapping())
    with importer.database.read_scope() as session:
        assert session.scalar(select(func.count()).select_from(Company)) == 0


def test_required_field_of_the_stage_is_demanded(importer: Importer, cast: Cast, pipeline: PipelineRows) -> None:
    from crm.models import StageRequirement

    with importer.database.session_scope() as session:
        session.add(StageRequirement(stage_id=pipeline.stages[2], builtin="company"))
    import_id = importer.run(
        cast.vera,
        deals_file("1;A;Offer sent;Anna;;;;;;", "2;B;Offer sent;Anna;;Mir;;;;", "3;C;;Anna;;;;;;"),
        deals_mapping(),
    )
    assert failures(importer.database, cast, import_id) == [[("field_missing", "company")]]
    assert set(deals(importer.database)) == {"B", "C"}


def test_nasty_text_comes_in_as_text(importer: Importer, cast: Cast, pipeline: PipelineRows) -> None:
    title = '"<b>=HYPERLINK(""http://x"")</b> ![i](http://h/x.png) 👩‍👩‍👧 שלום %s {0}"'
    hidden = "Paid\u202eexe.fdp\u200b"
    importer.run(
        cast.vera, deals_file(f"1;{title};;Anna;;\u202eMir\u200b;;;;", f"2;{hidden};;Anna;;;;;;"), deals_mapping()
    )
    with importer.database.read_scope() as session:
        assert set(session.scalars(select(Deal.title))) == {
            '<b>=HYPERLINK("http://x")</b> ![i](http://h/x.png) 👩‍👩‍👧 שלום %s {0}', "Paidexe.fdp",
        }  # fmt: skip
        assert session.scalars(select(Company.name)).all() == ["Mir"]


def test_company_is_found_by_name_however_it_is_written(importer: Importer, cast: Cast, pipeline: PipelineRows) -> None:
    with importer.database.session_scope() as session:
        company_id = add_company(session, cast.anna, name="ООО «Мир Ё»")
    importer.run(cast.vera, deals_file('1;A;;Anna;;"ооо ""МИР Е""";;;;', "2;B;;Anna;;Other;;;;"), deals_mapping())
    found = deals(importer.database)
    assert found["A"].company_id == company_id
    assert found["B"].company_id != company_id


def test_contact_is_found_by_phone_and_name_or_created(importer: Importer, cast: Cast, pipeline: PipelineRows) -> None:
    with importer.database.session_scope() as session:
        contact_id = add_contact(session, cast.anna, name="Ivan Petrov", phone="+79161234567")
    mapping = deals_mapping()
    mapping["files"] = [{"file": "c.csv", "kind": "deals", "columns": {
        "external_id": "id", "title": "title", "owner": "owner", "contact": "who", "phone": "phone", "email": "mail",
    }}]  # fmt: skip
    text = (
        "id;title;owner;who;phone;mail\n"
        "1;A;Anna;Ivan;8 (916) 123-45-67;\n"
        "2;B;Anna;Olga Orlova;8 (916) 123-45-67;OLGA@Example.com\n"
        "3;C;Anna;Olga Orlova;;olga@example.com\n"
        "4;D;Anna;;later;\n"
    )
    import_id = importer.run(cast.vera, {"c.csv": text}, mapping)
    found = deals(importer.database)
    with importer.database.read_scope() as session:
        parts = {part.deal_id: part.contact_id for part in session.scalars(select(DealContact))}
        names = {contact.id: contact.name for contact in session.scalars(select(Contact))}
        points = set(session.execute(select(ContactPoint.contact_id, ContactPoint.normalised)))
    assert parts[found["A"].id] == contact_id
    assert parts[found["B"].id] == parts[found["C"].id] != contact_id  # a shared phone makes nobody one person
    assert sorted(names.values()) == ["Ivan Petrov", "Olga Orlova"]
    assert (parts[found["B"].id], "olga@example.com") in points
    assert found["D"].id not in parts
    warned = rows(importer.database, cast, import_id, RowVerdict.CREATED)[3]
    assert [one.code for one in warned.warnings] == ["phone_invalid"]


def test_note_and_own_next_step_come_along(importer: Importer, cast: Cast, pipeline: PipelineRows) -> None:
    due = (utc_now() + timedelta(days=5)).date()
    mapping = deals_mapping()
    mapping["files"] = [{"file": "n.csv", "kind": "deals", "columns": {
        "title": "title", "owner": "owner", "next_step": "task", "next_step_on": "due", "note": ["comment", "size"],
    }}]  # fmt: skip
    importer.run(cast.vera, {"n.csv": f"title;owner;task;due;comment;size\nA;Anna;Call back;{due};hello;XL\n"}, mapping)
    with importer.database.read_scope() as session:
        step, note = session.scalars(select(NextStep)).one(), session.scalars(select(Activity)).one()
    assert (step.text, step.due_at.date(), step.due_at.hour) == ("Call back", due, 15)
    assert note.text == "comment: hello\nsize: XL"


def test_every_deal_leaves_an_event(importer: Importer, cast: Cast, pipeline: PipelineRows) -> None:
    import_id = importer.run(cast.vera, deals_file("1;A;;Anna;;;;;;", "2;B;;Anna;;;;;;"), deals_mapping())
    with importer.database.read_scope() as session:
        events = list(session.scalars(select(Event).where(Event.entity == "deal").order_by(Event.id)))
    assert [(one.kind, one.actor_id, one.channel, one.details["import_id"]) for one in events] == [
        ("deal.imported", cast.vera.user_id, Channel.IMPORT, import_id)
    ] * 2


def test_unknown_people_are_created_without_a_way_in_only_where_the_mapping_says_so(
    importer: Importer, cast: Cast, pipeline: PipelineRows
) -> None:
    from crm.models import User

    importer.run(
        cast.vera,
        deals_file("1;A;;Мария Ёлкина;;;;;;", "2;B;;new@example.com;;;;;;"),
        deals_mapping(owners={"create": True}),
    )
    with importer.database.read_scope() as session:
        people = {user.name: user for user in session.scalars(select(User).where(User.is_active.is_(False)))}
    assert set(people) == {"Мария Ёлкина", "new"}
    assert people["new"].email == "new@example.com"
    assert people["Мария Ёлкина"].email.endswith("@imported.invalid")
    assert all(user.password_hash is None for user in people.values())


def test_owner_is_mapped_by_alias_and_by_email_and_defaults_to_who_imports(
    importer: Importer, cast: Cast, pipeline: PipelineRows
) -> None:
    mapping = deals_mapping(aliases={"owner": {"A. Petrova": "anna@example.com"}})
    importer.run(cast.vera, deals_file("1;A;;a. petrova;;;;;;", "2;B;;ANTON@example.com;;;;;;", "3;C;;;;;;;;"), mapping)
    found = deals(importer.database)
    owners = [found[title].owner_id for title in "ABC"]
    assert owners == [cast.anna.user_id, cast.anton.user_id, cast.vera.user_id]


def test_head_imports_for_the_own_team_only(importer: Importer, cast: Cast, pipeline: PipelineRows) -> None:
    import_id = importer.run(
        cast.boris, deals_file("1;A;;Anna;;;;;;", "2;B;;Dina;;;;;;"), deals_mapping(owners={"create": True})
    )
    with importer.database.read_scope() as session:
        failed = load_rows(session, cast.boris, import_id, verdict=RowVerdict.FAILED)
    assert [[one.code for one in row.violations] for _id, row in failed] == [["owner_unknown"]]


def test_head_cannot_update_a_deal_out_of_sight(importer: Importer, cast: Cast, pipeline: PipelineRows) -> None:
    importer.run(cast.vera, deals_file("1;A;;Dina;;;;;;"), deals_mapping())
    import_id = importer.run(cast.boris, deals_file("1;Mine now;;Anna;;;;;;"), deals_mapping())
    assert failures(importer.database, cast, import_id)[0][0] == ("not_found", "external_id")
    assert list(deals(importer.database)) == ["A"]


def test_pipeline_is_created_where_the_mapping_describes_it(importer: Importer, cast: Cast, database: Database) -> None:
    described = [{"name": "Old funnel", "open": ["New", "Talked"], "won": "Paid", "lost": "Gone"}]
    mapping = deals_mapping(pipeline="Old funnel", pipelines=described)
    importer.run(cast.vera, deals_file("1;A;talked;Anna;;;;;;", "2;B;PAID;Anna;5;;;;01.03.2025;"), mapping)
    assert {title: deal.status for title, deal in deals(database).items()} == {
        "A": DealStatus.OPEN,
        "B": DealStatus.WON,
    }


def test_unknown_pipeline_is_refused_before_anything_is_written(
    importer: Importer, cast: Cast, pipeline: PipelineRows
) -> None:
    with pytest.raises(InvalidInput) as refused:
        importer.run(cast.vera, deals_file("1;A;;Anna;;;;;;"), deals_mapping(pipeline="Missing"))
    assert [one.code for one in refused.value.violations] == ["pipeline_unknown"]
    assert deals(importer.database) == {}


def test_choice_values_are_added_and_found(importer: Importer, cast: Cast, pipeline: PipelineRows) -> None:
    from crm.models import FieldDefinition

    columns = {"external_id": "id", "title": "title", "owner": "owner"}
    columns |= {"custom.Product": "product", "custom.Size": "size"}
    mapping = deals_mapping(
        fields=[{"name": "Product", "type": "choice"}, {"name": "Size", "type": "number"}],
        aliases={"custom.Product": {"GTXPro": "GTX Pro"}},
    )
    mapping["files"] = [
        {"file": "p.csv", "kind": "options", "into_field": "Product", "columns": {"option": "product"}},
        {"file": "d.csv", "kind": "deals", "columns": columns},
    ]
    files = {
        "p.csv": "product\nGTX Pro\nMG\nMG\n",
        "d.csv": "id;title;owner;product;size\n1;A;Anna;gtxpro;2,5\n2;B;Anna;New one;x\n3;C;Anna;mg;\n",
    }
    import_id = importer.run(cast.vera, files, mapping)
    with importer.database.read_scope() as session:
        product, size = session.scalars(select(FieldDefinition).order_by(FieldDefinition.name)).all()
    codes = {option["name"]: option["code"] for option in product.options}
    assert list(codes) == ["GTX Pro", "MG", "New one"]
    found = deals(importer.database)
    assert found["A"].custom == {str(product.id): codes["GTX Pro"], str(size.id): 2.5}
    assert found["C"].custom == {str(product.id): codes["MG"]}
    assert failures(importer.database, cast, import_id) == [[("number_invalid", "custom.Size")]]
