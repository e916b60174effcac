"""How well the default models match: on leads made by our own generator, and on the shared development data."""

from __future__ import annotations

from pathlib import Path

import pytest

from crm.models.codes import EntityType
from crm.settings import ROOT
from tests.matching.clusters import automatic, lead, matched, person, quality, recall_of_tag, rows_of, site

OWN = Path(__file__).parent / "data" / "leads.csv"
SHARED = ROOT.parent / "shared" / "data" / "dedupe"
CONTACT, COMPANY, DEAL = EntityType.CONTACT, EntityType.COMPANY, EntityType.DEAL

needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the shared development data is not beside this repository: shared/data/dedupe"
)


def test_people_of_dirty_leads_are_found() -> None:
    rows = rows_of(OWN)
    truth = [row["truth_person"] for row in rows]
    result = matched(rows, lead, CONTACT)
    found, merged = quality(truth, result.clusters), automatic(truth, result, CONTACT)
    assert found.f1 >= 0.96
    assert found.b_cubed >= 0.975
    assert merged.precision >= 0.995
    assert merged.recall >= 0.9


@pytest.mark.parametrize("tag", ["phone_in_name", "phone_in_comment", "translit", "homoglyph", "short", "swap"])
def test_kinds_of_dirt_do_not_hide_a_person(tag: str) -> None:
    rows = rows_of(OWN)
    truth = [row["truth_person"] for row in rows]
    assert recall_of_tag(rows, truth, matched(rows, lead, CONTACT).clusters, tag) >= 0.93


def test_companies_of_dirty_leads_are_found() -> None:
    rows = [row for row in rows_of(OWN) if row["company"] or row["inn"]]
    found = quality([row["truth_company"] for row in rows], matched(rows, lead, COMPANY).clusters)
    assert found.f1 >= 0.93
    assert found.b_cubed >= 0.96


def test_purchases_of_dirty_leads_are_found() -> None:
    rows = rows_of(OWN)
    found = quality([row["truth_deal"] for row in rows], matched(rows, lead, DEAL).clusters)
    assert found.f1 >= 0.93
    assert found.b_cubed >= 0.97


@needs_shared
def test_people_of_the_development_leads() -> None:
    rows = rows_of(SHARED / "ru_contacts_dev.csv")
    truth = [row["truth_person"] for row in rows]
    result = matched(rows, lead, CONTACT)
    found, merged = quality(truth, result.clusters), automatic(truth, result, CONTACT)
    assert found.f1 >= 0.98
    assert found.b_cubed >= 0.99
    assert recall_of_tag(rows, truth, result.clusters, "phone_in_name") >= 0.96
    assert merged.precision >= 0.998
    assert merged.recall >= 0.94
    in_queue = len(result.pairs) - round(
        merged.recall * sum(truth[one.left] == truth[one.right] for one in result.pairs)
    )
    assert in_queue * 100 / len(rows) <= 4.0


@needs_shared
def test_companies_of_the_development_leads() -> None:
    rows = [row for row in rows_of(SHARED / "ru_contacts_dev.csv") if row["company"] or row["inn"]]
    found = quality([row["truth_company"] for row in rows], matched(rows, lead, COMPANY).clusters)
    assert found.f1 >= 0.96
    assert found.b_cubed >= 0.98


@needs_shared
def test_purchases_of_the_development_leads() -> None:
    rows = rows_of(SHARED / "ru_contacts_dev.csv")
    found = quality([row["truth_deal"] for row in rows], matched(rows, lead, DEAL).clusters)
    assert found.f1 >= 0.94
    assert found.b_cubed >= 0.98


@needs_shared
def test_sites_of_the_development_list() -> None:
    rows = rows_of(SHARED / "orgs_sites_dev.csv")
    truth = [row["truth"] for row in rows]
    result = matched(rows, site, COMPANY)
    found, merged = quality(truth, result.clusters), automatic(truth, result, COMPANY)
    assert found.f1 >= 0.95
    assert found.b_cubed >= 0.974
    assert merged.precision >= 0.995
    assert merged.recall >= 0.77


@needs_shared
def test_persons_of_the_development_list() -> None:
    rows = rows_of(SHARED / "persons_febrl3_dev.csv")
    found = quality([row["truth"] for row in rows], matched(rows, person, CONTACT).clusters)
    assert found.f1 >= 0.999
    assert found.precision == pytest.approx(1.0, abs=0.0005)
