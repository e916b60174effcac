"""The import page: files in, columns, a verdict per row, the run, failed rows, the way back."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from sqlalchemy import func, select
from streamlit.testing.v1 import AppTest

from crm.auth.downloads import take_download
from crm.auth.sessions import find_session
from crm.db import Database
from crm.models import Deal, Import, ImportStatus, Pipeline, SavedMapping
from crm.ui import page
from tests.conftest import Cast, rows_of_all_tables
from tests.factories import add_pipeline
from tests.pages.conftest import OpenShell

HEADER = "Id;Title;Stage;Owner;Amount;Company\n"
NASTY = "<b>=1+1</b> ![x](http://e.example/x.png)"
TEXT = HEADER + f"1;{NASTY};Contact made;Anna;1 250 000,50 ₽;Mir\n2;Tube;Old stage;A. Petrov;5;Mir\n3;Rod;;Anna;much;\n"
UNTIL_SECONDS = 60


@pytest.fixture(autouse=True)
def pipeline(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        add_pipeline(session)


def opened(shell: OpenShell, actor: object) -> AppTest:
    """Open the page."""
    return shell(actor).run().switch_page("imports.py").run()  # type: ignore[arg-type]


def until(at: AppTest, reached: Callable[[AppTest], bool]) -> AppTest:
    """Run the page again, as its fragment does every second, until something is there."""
    deadline = time.monotonic() + UNTIL_SECONDS
    while not reached(at) and time.monotonic() < deadline:
        time.sleep(0.3)
        at.run()
        assert not at.exception
    assert reached(at)
    return at


def labels(at: AppTest) -> list[str]:
    """Return the labels of all buttons."""
    return [button.label for button in at.button]


def offers(at: AppTest, label: str) -> bool:
    """Tell whether a button with this label is drawn: files are read one after the other."""
    return any(button.label == label for button in at.button)


def press(at: AppTest, label: str) -> AppTest:
    """Press the button with this label."""
    return next(button for button in at.button if button.label == label).click().run()


def uploaded(at: AppTest, *files: tuple[str, bytes]) -> AppTest:
    """Choose files and have them read."""
    at.file_uploader[0].set_value([(name, content, "text/csv") for name, content in files]).run()
    return press(at, "Read the files")


def at_columns(at: AppTest, text: str = TEXT) -> AppTest:
    """Go to the choice of columns."""
    return until(uploaded(at, ("deals.csv", text.encode())), lambda one: "Check the rows" in labels(one))


def is_checked(at: AppTest) -> bool:
    """Tell whether the plan is there."""
    return any(label.startswith("Import ") for label in labels(at))


def chosen(at: AppTest, label: str) -> object:
    """Return the value of the select box with this label."""
    return next(box.value for box in at.selectbox if box.label == label)


def test_manager_is_refused(shell: OpenShell, cast: Cast) -> None:
    at = opened(shell, cast.anna)
    assert at.error[0].value == "Your role does not allow this. Ask your administrator."
    assert not at.file_uploader


def test_empty_page_says_what_comes_in_and_what_will_be_listed(shell: OpenShell, cast: Cast) -> None:
    at = opened(shell, cast.vera)
    assert not at.exception
    shown = " ".join(caption.value for caption in at.caption)
    assert "CSV or XLSX, up to 50 MB and 1,000,000 rows" in shown
    assert "Imports you have made will be listed here" in shown


def test_broken_files_are_refused_each_in_words(shell: OpenShell, cast: Cast, database: Database) -> None:
    before = rows_of_all_tables(database)["deals"]
    files = (("a.csv", b""), ("b.csv", b"MZ\x90\x00\x03"), ("c.csv", b"x;y\n1;2\n"), ("d.xlsx", b"no zip"))
    at = until(
        uploaded(opened(shell, cast.vera), *files),
        lambda one: len(one.error) == 3 and offers(one, "Choose other files"),
    )
    assert [error.value for error in at.error] == [
        "**a.csv** The file is empty.",
        "**b.csv** This is not a table but a program, a picture or other binary data.",
        "**d.xlsx** The content of the file does not fit its name.",
    ]
    press(at, "Choose other files")
    assert at.file_uploader
    assert rows_of_all_tables(database)["deals"] == before


def test_columns_are_guessed_and_the_file_is_shown(shell: OpenShell, cast: Cast) -> None:
    at = at_columns(opened(shell, cast.vera))
    assert chosen(at, "Rows are") == "deals"
    assert (chosen(at, "Stage"), chosen(at, "Owner"), chosen(at, "Amount")) == ("Stage", "Owner", "Amount")
    assert at.multiselect[0].value == ["Title"]
    assert list(at.dataframe[0].value["Title"]) == [NASTY, "Tube", "Rod"]


def test_import_from_upload_to_undo(shell: OpenShell, cast: Cast, database: Database) -> None:
    at = at_columns(opened(shell, cast.vera))
    until(press(at, "Check the rows"), is_checked)
    assert [(one.label, one.value) for one in at.metric][:4] == [
        ("New", "1"), ("Updated", "0"), ("Unchanged", "0"), ("Failed", "2"),
    ]  # fmt: skip
    why = list(at.dataframe[0].value["Why"])
    assert why[0] == (
        "Owner: There is nobody called “A. Petrov”. Map the name to a person. "
        "Stage: The pipeline “First sales” has no stage “Old stage”."
    )
    assert why[1] == "Amount: Write the amount as a number, for example 1250000.50."
    with database.read_scope() as session:
        assert session.scalar(select(func.count()).select_from(Deal)) == 0

    for box in at.selectbox:
        if box.label.startswith("Owner “A. Petrov”"):
            box.select("Anton")
        if box.label.startswith("Stage “Old stage”"):
            box.select("Need found")
    until(press(at, "Check again"), is_checked)
    until(press(at, "Import 2 rows"), lambda _one: _status(database) is ImportStatus.DONE)
    at.run()
    with database.read_scope() as session:
        deals = {deal.title: deal for deal in session.scalars(select(Deal))}
        assert session.scalar(select(func.count()).select_from(SavedMapping)) == 1
    assert deals[NASTY].amount_minor == 125_000_050
    assert deals["Tube"].owner_id == cast.anton.user_id
    assert any("new 2 · failed 1" in caption.value for caption in at.caption)

    press(at, "1 failed row of deals.csv")
    path = re.search(r'href="/files/([^"]+)"', at.get("html")[0].proto.body)  # type: ignore[attr-defined]
    assert path is not None
    token = page.current_token()
    assert token is not None
    with database.read_scope() as session:
        found = find_session(session, token)
    assert found is not None
    download = take_download(path[1], user_id=found.user_id, session_id=found.id)
    assert download is not None
    assert download.name == "deals.failed.csv"
    assert '"3";"Rod";"";"Anna";"much"' in download.content.decode("utf-8-sig")

    press(at, "Take the import back")
    assert _status(database) is ImportStatus.UNDONE
    with database.read_scope() as session:
        assert session.scalar(select(func.count()).select_from(Deal)) == 0


def test_second_file_of_the_kind_is_mapped_as_the_first(shell: OpenShell, cast: Cast, database: Database) -> None:
    at = at_columns(opened(shell, cast.vera))
    next(box for box in at.selectbox if box.label == "Company").select("Id").run()
    until(press(at, "Check the rows"), is_checked)
    until(press(at, "Import 1 row"), lambda _one: _status(database) is ImportStatus.DONE)
    again = opened(shell, cast.vera)
    until(
        uploaded(again, ("other name.csv", (HEADER + "9;New;;Anna;5;Mir\n").encode())),
        lambda one: "Check the rows" in labels(one),
    )
    assert again.info[0].value == "Columns are set as they were for such files last time."
    assert chosen(again, "Company") == "Id"


def test_head_imports_but_takes_nothing_back(shell: OpenShell, cast: Cast, database: Database) -> None:
    at = at_columns(opened(shell, cast.boris), HEADER + "1;A;;Anna;5;\n")
    until(press(at, "Check the rows"), is_checked)
    until(press(at, "Import 1 row"), lambda _one: _status(database) is ImportStatus.DONE)
    at.run()
    assert "Take the import back" not in labels(at)
    assert "Add people who are not here yet; they can't sign in until you invite them" not in [
        one.label for one in at.toggle
    ]


def test_dates_that_prove_no_order_are_asked_for(shell: OpenShell, cast: Cast, database: Database) -> None:
    text = "Title;Stage;Owner;Amount;Closed\nA;Paid;Anna;5;02/03/2025\n"
    at = at_columns(opened(shell, cast.vera), text)
    until(press(at, "Check the rows"), is_checked)
    box = next(one for one in at.selectbox if one.label.startswith("How are dates written in Closed"))
    box.select("mdy")
    until(press(at, "Check again"), is_checked)
    until(press(at, "Import 1 row"), lambda _one: _status(database) is ImportStatus.DONE)
    with database.read_scope() as session:
        closed_at = session.scalars(select(Deal.closed_at)).one()
    assert closed_at is not None
    assert (closed_at.month, closed_at.day) == (2, 2)  # the third of February begins the evening before in UTC


def test_silent_import_offers_to_go_on(shell: OpenShell, cast: Cast, database: Database) -> None:
    at = at_columns(opened(shell, cast.vera), HEADER + "1;A;;Anna;5;\n2;B;;Anna;5;\n")
    until(press(at, "Check the rows"), is_checked)
    until(press(at, "Import 2 rows"), lambda _one: _status(database) is ImportStatus.DONE)
    with database.session_scope() as session:
        row = session.scalars(select(Import)).one()
        row.status = ImportStatus.RUNNING
        row.counts = {**row.counts, "at": 1}
        row.created_at = row.created_at.replace(year=2020)
    at.run()
    assert "Go on" in labels(at)


def _status(database: Database) -> ImportStatus | None:
    with database.read_scope() as session:
        return session.scalars(select(Import.status).order_by(Import.id.desc())).first()


def test_admin_makes_a_pipeline_of_the_stages_in_the_file(shell: OpenShell, cast: Cast, database: Database) -> None:
    text = HEADER + "1;A;Первый звонок;Anna;5;\n2;B;Успешно реализовано;Anna;5;\n3;C;Отказ;Anna;;\n4;D;Встреча;Anna;;\n"
    at = at_columns(opened(shell, cast.vera), text)
    next(box for box in at.selectbox if box.label == "Pipeline").select("").run()
    stages = next(area for area in at.text_area if area.label == "Working stages in order, one a line")
    assert stages.value == "Первый звонок\nВстреча"
    texts = {field.label: field for field in at.text_input}
    assert (texts["Stage of won deals"].value, texts["Stage of lost deals"].value) == ("Успешно реализовано", "Отказ")
    texts["Name of the new pipeline"].input("Продажи").run()
    until(press(at, "Check the rows"), is_checked)
    told = next(caption.value for caption in at.caption if caption.value.startswith("New pipelines: Продажи"))
    assert told.endswith("Первый звонок → Встреча → Успешно реализовано / Отказ")
    until(press(at, "Import 4 rows"), lambda _one: _status(database) is ImportStatus.DONE)
    with database.read_scope() as session:
        assert "Продажи" in set(session.scalars(select(Pipeline.name)))
        assert session.scalar(select(func.count()).select_from(Deal)) == 4


def test_head_is_offered_no_new_pipeline(shell: OpenShell, cast: Cast) -> None:
    at = at_columns(opened(shell, cast.boris))
    assert next(box for box in at.selectbox if box.label == "Pipeline").options == ["First sales"]
