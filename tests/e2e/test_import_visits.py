"""A history in a real browser: recognised, its stages found in order, checked, run."""

from __future__ import annotations

from playwright.sync_api import FilePayload, expect
from sqlalchemy import func, select

from crm.models import StageVisit
from tests.e2e.conftest import OpenBrowser
from tests.e2e.driving import Server, open_settled, settled
from tests.factories import add_pipeline

WAIT = 60_000  # the reading process starts afresh on a busy machine
LOG = """Сделка;Этап;Дата перехода;Ответственный;Сумма;Причина отказа
Первая;Заявка;01.02.2025 10:00;Anna;500;
Первая;Договор;03.02.2025 10:00;Олег;;
Первая;Оплачено;05.02.2025 10:00;Олег;;
Вторая;Заявка;01.02.2025 11:00;;;
Вторая;Отказ клиента;02.02.2025 11:00;;;Дорого
Третья;Договор;когда-то;Anna;;
"""


def test_history_makes_its_pipeline(server: Server, open_browser: OpenBrowser) -> None:
    with server.database.session_scope() as session:
        add_pipeline(session)
    page = open_browser("vera")
    open_settled(page, f"{server.url}/imports")
    upload = FilePayload(name="История.csv", mimeType="text/csv", buffer=LOG.encode("cp1251"))
    page.locator("input[type=file]").set_input_files(upload)
    page.get_by_role("button", name="Read the files").click()
    check = page.get_by_role("button", name="Check the rows")
    expect(check).to_be_visible(timeout=WAIT)
    expect(page.get_by_label("Name of the new pipeline")).to_have_value("История")
    expect(page.get_by_label("Working stages in order, one a line")).to_have_value("Заявка\nДоговор")
    expect(page.get_by_label("Stage of won deals")).to_have_value("Оплачено")
    expect(page.get_by_label("Stage of lost deals")).to_have_value("Отказ клиента")
    settled(page)
    check.click()
    start = page.get_by_role("button", name="Import 5 rows")
    expect(start).to_be_visible(timeout=WAIT)
    expect(page.get_by_text("New pipelines: История: Заявка → Договор → Оплачено / Отказ клиента")).to_be_visible()
    settled(page)
    start.click()
    expect(page.get_by_text("new 5 · failed 1")).to_be_visible(timeout=WAIT)
    with server.database.read_scope() as session:
        assert session.scalar(select(func.count()).select_from(StageVisit)) == 3
