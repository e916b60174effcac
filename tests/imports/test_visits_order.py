from __future__ import annotations

import pytest

from crm.imports.memory import guess_kind, guess_mapping
from crm.imports.visits.detecting import Trail, stage_order
from crm.imports.visits.words import end_named, outcome_named
from crm.models.codes import StageKind

WON, LOST, OPEN = StageKind.WON, StageKind.LOST, StageKind.OPEN


def trail(text: str) -> Trail:
    """Return a deal's rows: "New Demo won" with no outcomes."""
    return [(name, None) for name in text.split()]


@pytest.mark.parametrize(
    ("trails", "order"),
    [
        (("A B C", "A B C"), "A B C"),
        (("C B", "A B C", "A B C"), "A B C"),  # the majority of each pair
        (("B C D", "C D", "A B"), "A B C D"),  # late starts and early ends
        (("A C", "A B", "B C"), "A B C"),  # skipped stages
        (("A B A B C", "A C B", "A B C"), "A B C"),  # only first entries count
        (("A B", "B A"), "A B"),  # a tie: the file names A first
        (("B A", "A B"), "B A"),
        (("A B", "B C", "C A", "A"), "A B C"),  # a circle: the lower mean place, then the file's order
    ],
)
def test_stages_stand_in_the_order_most_deals_enter_them(trails: tuple[str, ...], order: str) -> None:
    assert stage_order(map(trail, trails)).open_stages == tuple(order.split())


def test_ends_are_recognised_by_name_where_they_end_deals() -> None:
    found = stage_order(
        map(trail, ("New Paid Delivery Closed-won", "New Paid Delivery Отказ", "New Lost", "New Отказ"))
    )
    assert (found.open_stages, found.won, found.lost) == (
        ("New", "Paid", "Delivery"),
        ("Closed-won",),
        ("Отказ", "Lost"),
    )


def test_ends_are_recognised_by_the_outcome_that_only_closing_rows_bear() -> None:
    trails: list[Trail] = [
        [("New", None), ("Signed", WON)],
        [("New", None), ("Offer", None), ("Gone", LOST)],
        [("New", None), ("Archive", WON)],
        [("New", None), ("Archive", LOST)],
    ]
    found = stage_order(trails)
    assert (found.open_stages, found.won, found.lost, found.by_outcome) == (
        ("New", "Offer"), ("Signed",), ("Gone",), ("Archive",),
    )  # fmt: skip


def test_stage_that_deals_leave_for_either_end_is_no_end_itself() -> None:
    trails: list[Trail] = [
        [("New", None), ("Negotiation", WON)],
        [("New", None), ("Negotiation", LOST)],
        [("New", LOST), ("New", LOST)],
        [("New", None), ("Закрыто", WON)],
        [("New", None), ("Закрыто", LOST)],
    ]
    found = stage_order(trails)
    assert (found.open_stages, found.by_outcome) == (("New", "Negotiation"), ("Закрыто",))


def test_outcome_repeated_on_all_rows_of_a_deal_makes_no_stage_an_end() -> None:
    trails: list[Trail] = [[("New", WON), ("Contract", WON)], [("New", LOST), ("Offer", LOST)]]
    found = stage_order(trails)
    assert (set(found.open_stages), found.won, found.lost) == ({"New", "Contract", "Offer"}, (), ())


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Closed Won", WON), ("paid", WON), ("Успешно реализовано", WON), ("Оплачено", WON), ("Deal_won", WON),
        ("Closed lost", LOST), ("Закрыто и не реализовано", LOST), ("Refused", LOST), ("cancelled", LOST),
        ("Отказ клиента", LOST), ("Не оплачено", LOST), ("Unsuccessful", LOST), ("New", None), ("Prepaid offer", None),
    ],
)  # fmt: skip
def test_names_of_ends(name: str, kind: StageKind | None) -> None:
    assert end_named(name) is kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [("win", WON), ("Sold", WON), ("продано", WON), ("lose", LOST), ("dropped", LOST), ("Не продано", LOST)],
)
def test_outcomes_are_told_by_more_words_than_stages(text: str, kind: StageKind) -> None:
    assert outcome_named(text) is kind
    assert end_named(f"{text} back") is None


def test_outcome_that_says_nothing_is_told() -> None:
    assert (outcome_named("Won"), outcome_named("forward"), outcome_named("")) == (WON, None, None)
    with pytest.raises(ValueError, match="purple"):
        outcome_named("purple")


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("deal;stage;entered at;owner", "deal stage entered_at owner"),
        ("case:concept:name,concept:name,time:timestamp,org:resource", "deal stage entered_at owner"),
        ("Case ID;Activity;Start Timestamp;Complete Timestamp;Resource", "deal stage entered_at left_at owner"),
        ("case id;activity;timestamp;user", "deal stage entered_at owner"),
        ("Сделка;Этап;Дата перехода;Ответственный;Сумма;Причина отказа",
         "deal stage entered_at owner loss_reason amount"),
        ("id;deal_id;stage;entered_at;left_at;owner;outcome;currency;source;pipeline;title",
         "deal stage entered_at left_at owner outcome currency source pipeline title"),
        ("Сделка;Этап;Дата;Ответственный", "deal stage entered_at owner"),
        ("deal_id,stage_name,changed_at,owner_name", "deal stage entered_at owner"),
        ("opportunity-id,to_stage,enter_time,exit_time,sales_rep", "deal stage entered_at left_at owner"),
    ],
)  # fmt: skip
def test_header_of_a_history_is_recognised(header: str, columns: str) -> None:
    names = header.split(";") if ";" in header else header.split(",")
    assert guess_kind(names) == "visits"
    assert list(guess_mapping({"x.csv": names}).files[0].columns) == columns.split()


@pytest.mark.parametrize(
    "header",
    ["Название;Этап;Ответственный;Бюджет", "id;title;stage;created;amount", "Сделка;Этап;Дата;Компания;Телефон"],
)
def test_list_of_deals_is_no_history(header: str) -> None:
    assert guess_kind(header.split(";")) == "deals"


def test_deals_beside_visits_are_known_by_the_column_they_share() -> None:
    headers = {"log.csv": ["deal", "stage", "entered at"], "deals.csv": ["deal", "amount", "company"]}
    mapping = guess_mapping(headers)
    assert mapping.files[1].columns["external_id"] == mapping.files[1].columns["title"] == ("deal",)
    assert mapping.owners.create
