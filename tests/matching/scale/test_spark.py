"""The way past one machine, walked once on Spark in local mode; where the extra or Java is missing it says so."""

from __future__ import annotations

import csv
import importlib.util
import shutil
from pathlib import Path

import pytest

from bench.leads import TRUTHS, write_leads
from bench.truth import judge
from crm.cli.run import main

LEADS = 2_000
MISSING = [name for name in ("splink", "duckdb", "pyspark", "pyarrow") if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.scale,
    pytest.mark.filterwarnings("ignore"),  # Spark speaks of pandas, sockets and its own old ways
    pytest.mark.skipif(bool(MISSING), reason=f"requirements-scale.txt is not installed: {', '.join(MISSING)}"),
]


@pytest.fixture(autouse=True)
def in_english_without_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("CRM_DATABASE_URL", "sqlite:////nowhere/at/all.sqlite3")


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """Export generated leads and train on them; return the folder."""
    write_leads(tmp_path / "leads.csv", LEADS)
    assert main(["duplicates", "export", str(tmp_path / "leads.csv"), "--out", str(tmp_path / "e.parquet")]) == 0
    assert main(["duplicates", "train", str(tmp_path / "e.parquet"), "--out", str(tmp_path / "model.json")]) == 0
    return tmp_path


def test_splink_finds_most_people_on_duckdb(trained: Path) -> None:
    judged = judge(truth(trained), asked(trained, "duckdb")[0])
    assert judged.precision > 0.95
    assert judged.recall > 0.8


@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java 17 or newer")
def test_spark_gives_the_pairs_and_clusters_of_duckdb(trained: Path) -> None:
    clusters, pairs = asked(trained, "duckdb")
    on_spark, pairs_on_spark = asked(trained, "spark", "--master", "local[2]")
    # Names almost the same are rated by two libraries: a pair at the threshold may fall on either side.
    assert len(pairs.keys() ^ pairs_on_spark.keys()) <= len(pairs) / 500
    both = pairs.keys() & pairs_on_spark.keys()
    assert max(abs(pairs[pair] - pairs_on_spark[pair]) for pair in both) < 0.01
    assert judge(clusters, on_spark).b3 > 0.998


def asked(folder: Path, engine: str, *options: str) -> tuple[dict[str, str], dict[frozenset[str], float]]:
    out, pairs = folder / f"{engine}.csv", folder / f"{engine}_pairs.csv"
    given = ["--model", str(folder / "model.json"), "--out", str(out), "--pairs", str(pairs), "--engine", engine]
    assert main(["duplicates", "second-opinion", str(folder / "e.parquet"), *given, *options]) == 0
    with out.open(encoding="utf-8") as stream:
        clusters = {row["record_id"]: row["cluster"] for row in csv.DictReader(stream)}
    with pairs.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return clusters, {frozenset((row["left"], row["right"])): float(row["weight"]) for row in rows}


def truth(folder: Path) -> dict[str, str]:
    with (folder / "leads.csv").open(encoding="utf-8") as stream:
        return {row["record_id"]: row[TRUTHS["contact"]] for row in csv.DictReader(stream)}
