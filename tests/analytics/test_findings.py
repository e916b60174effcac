"""Findings of conversion: where most is lost, when enough is decided to say so."""

from __future__ import annotations

import pandas as pd

from crm.analytics.findings import (
    Finding,
    back_finding,
    begin_later,
    conversion_finding,
    slowest_finding,
    sources_finding,
)


def frame(*rows: tuple[str, int, int, float | None], pipelines: tuple[str, ...] = ("Sales",)) -> pd.DataFrame:
    found = pd.DataFrame(rows, columns=["stage", "passed", "lost", "conversion_decided"], dtype=object)
    return found.assign(pipeline=[pipelines[place % len(pipelines)] for place in range(len(found))])


def sources(*rows: tuple[str | None, int, int, int], credit: str = "first") -> pd.DataFrame:
    found = [
        {"credit": credit, "source": source, "came": came, "won": won, "lost": lost,
         "conversion_decided": 100 * won / (won + lost) if won + lost else None}
        for source, came, won, lost in rows
    ]  # fmt: skip
    return pd.DataFrame(found, columns=["credit", "source", "came", "won", "lost", "conversion_decided"], dtype=object)


def test_worst_stage_is_named_with_what_goes_no_further() -> None:
    found = conversion_finding(frame(("Contact", 30, 10, 75.0), ("Offer", 18, 12, 60.0), ("Paid", 18, 0, None)))
    assert found == Finding("most_lost_on", {"stage": "Offer", "percent": 40.0})


def test_stage_of_several_pipelines_is_named_with_its_pipeline() -> None:
    found = conversion_finding(frame(("Contact", 30, 10, 75.0), ("Contact", 18, 12, 60.0), pipelines=("Sales", "Care")))
    assert found == Finding("most_lost_on", {"stage": "Care · Contact", "percent": 40.0})


def test_few_decided_deals_say_nothing() -> None:
    assert conversion_finding(frame(("Contact", 1, 8, 11.1))) is None
    assert conversion_finding(frame()) is None
    assert conversion_finding(frame(("Contact", 30, 10, 75.0), ("Offer", 1, 8, 11.1))) == Finding(
        "most_lost_on", {"stage": "Contact", "percent": 25.0}
    )


def test_nothing_lost_is_told() -> None:
    assert conversion_finding(frame(("Contact", 12, 0, 100.0))) == Finding("nothing_lost")


def test_source_that_sells_clearly_better_is_named_before_the_one_with_most_deals() -> None:
    assert sources_finding(sources(("site", 60, 10, 40), ("call", 20, 15, 5))) == Finding(
        "best_source", {"source": "call", "percent": 75.0}
    )
    assert sources_finding(sources(("site", 60, 10, 10), ("call", 20, 6, 5))) == Finding(
        "most_from", {"source": "site", "percent": 75.0}
    )


def test_one_source_returns_and_nothing_stated_are_no_best_source() -> None:
    assert sources_finding(sources(("site", 60, 10, 40))) is None
    assert sources_finding(sources(("site", 6, 1, 4), ("call", 2, 1, 1), credit="return")) is None
    assert sources_finding(sources(("site", 60, 10, 40), (None, 20, 15, 5))) == Finding(
        "most_from", {"source": "site", "percent": 75.0}
    )


def test_stage_that_many_stays_go_back_from_is_named() -> None:
    def ways(back: int) -> pd.DataFrame:
        rows = [(1, "Offer", "next", 40 - back), (1, "Offer", "back", back), (2, "Paid", "back", 1)]
        return pd.DataFrame(rows, columns=["stage_id", "stage", "way", "stays"], dtype=object)

    assert back_finding(ways(4)) == Finding("most_back", {"stage": "Offer", "percent": 10.0})
    assert back_finding(ways(1)) is None


def test_slowest_stage_is_that_of_the_longest_median_with_those_waiting() -> None:
    def times(*rows: tuple[str, int, float | None, float | None]) -> pd.DataFrame:
        columns = ["stage", "stays", "median_hours", "median_with_open_hours"]
        return pd.DataFrame(rows, columns=columns, dtype=object).assign(pipeline="Sales")

    assert slowest_finding(times(("Contact", 20, 9.0, 12.0), ("Offer", 20, 10.0, None))) == Finding(
        "slowest", {"stage": "Contact", "hours": 12.0}
    )
    assert slowest_finding(times(("Contact", 20, 9.0, 12.0), ("Offer", 9, 99.0, 99.0))) is None


def test_funnel_that_widens_is_noticed() -> None:
    def came(*counts: int) -> pd.DataFrame:
        return pd.DataFrame({"pipeline": ["Sales", "Sales", "Care", "Care"], "came": counts})

    assert not begin_later(came(9, 4, 5, 5))
    assert not begin_later(came(9, 4, 5, 7))
    assert begin_later(came(9, 4, 5, 8))
