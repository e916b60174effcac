"""One manager's months against those of the others."""

from __future__ import annotations

from datetime import date

import pandas as pd

from crm.analytics.monthly import OTHERS, OWN, against_others, figure

MARCH, APRIL, MAY = (date(2026, month, 1) for month in (3, 4, 5))


def months(*rows: tuple[date, int, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["month", "won", "lost"], dtype=object)


def shares() -> pd.DataFrame:
    own = months((MARCH, 3, 1), (APRIL, 0, 0))
    everybody = months((MARCH, 6, 6), (APRIL, 5, 5), (MAY, 2, 0))
    return against_others(own, everybody, good="won", bad="lost")


def test_own_deals_are_taken_from_the_others() -> None:
    assert shares().to_dict("records") == [
        {"month": MARCH, "side": OWN, "share": 75.0, "decided": 4, "place": 0},
        {"month": MARCH, "side": OTHERS, "share": 37.5, "decided": 8, "place": -1},
        {"month": APRIL, "side": OTHERS, "share": 50.0, "decided": 10, "place": -1},
        {"month": MAY, "side": OTHERS, "share": 100.0, "decided": 2, "place": -1},
    ]


def test_who_is_alone_has_no_others() -> None:
    own = months((MARCH, 3, 1))
    assert set(against_others(own, own, good="won", bad="lost")["side"]) == {OWN}


def test_points_of_few_deals_are_hollow_and_own_ones_open() -> None:
    drawn = figure(shares(), lambda code: code, months=[MARCH, APRIL, MAY], door="won").to_dict()
    marks = next(iter(drawn["datasets"].values()))
    assert [(one["row"], one["part"], one["few"]) for one in marks] == [
        (0, "won", True), (-1, "won", True), (-1, "won", False), (-1, "won", True),
    ]  # fmt: skip
