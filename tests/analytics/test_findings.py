"""Findings of conversion: where most is lost, when enough is decided to say so."""

from __future__ import annotations

import pandas as pd

from crm.analytics.findings import Finding, conversion_finding


def frame(*rows: tuple[str, int, int, float | None]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["stage", "passed", "lost", "conversion_decided"], dtype=object)


def test_worst_stage_is_named_with_what_goes_no_further() -> None:
    found = conversion_finding(frame(("Contact", 30, 10, 75.0), ("Offer", 18, 12, 60.0), ("Paid", 18, 0, None)))
    assert found == Finding("most_lost_on", {"stage": "Offer", "percent": 40.0})


def test_few_decided_deals_say_nothing() -> None:
    assert conversion_finding(frame(("Contact", 1, 8, 11.1))) is None
    assert conversion_finding(frame()) is None
    assert conversion_finding(frame(("Contact", 30, 10, 75.0), ("Offer", 1, 8, 11.1))) == Finding(
        "most_lost_on", {"stage": "Contact", "percent": 25.0}
    )


def test_nothing_lost_is_told() -> None:
    assert conversion_finding(frame(("Contact", 12, 0, 100.0))) == Finding("nothing_lost")
