"""The set-up page of the first start."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from crm.auth.setup import prepare_first_start
from crm.clock import utc_now
from crm.models import Deal, Pipeline, Role, Stage, User, Workspace
from crm.pipelines.templates import available_templates
from tests.api.conftest import HTML, PASSWORD, Site
from tests.conftest import Cast, UnchangedFactory

FormOf = Callable[..., dict[str, str]]
FIELDS = {
    "name": "Вера",
    "email": "vera@example.com",
    "password": PASSWORD,
    "company_name": "ООО «Мир»",
    "company_language": "ru",
    "company_currency": "RUB",
    "company_timezone": "Asia/Omsk",
    "company_phone_region": "RU",
    "template": "simple",
    "start": "empty",
}


def link(site: Site) -> str:
    with site.database.session_scope() as session:
        address = prepare_first_start(session, utc_now())
    assert address is not None
    return address.removeprefix("http://127.0.0.1:8501")


def save(browser: TestClient, form_of: FormOf, path: str, **fields: str):  # type: ignore[no-untyped-def]
    return browser.post(path, data=form_of(browser, path, **{**FIELDS, **fields}), headers=HTML)


def test_set_up_makes_everything_signs_in_and_opens_home(empty_site: Site, form_of: FormOf) -> None:
    browser = empty_site.browser()
    answer = save(browser, form_of, link(empty_site))
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert browser.get("/", headers=HTML).status_code == 200
    with empty_site.database.read_scope() as session:
        user, company = session.scalars(select(User)).one(), session.scalars(select(Workspace)).one()
        assert (user.name, user.role) == ("Вера", Role.ADMIN)
        assert (company.name, company.language, company.timezone) == ("ООО «Мир»", "ru", "Asia/Omsk")
        assert session.scalar(select(func.count(Pipeline.id))) == 1
        assert session.scalar(select(func.count(Stage.id))) >= 6
        assert session.scalar(select(func.count(Deal.id))) == 0


def test_templates_are_offered_with_the_number_of_their_pipelines(empty_site: Site) -> None:
    page = empty_site.browser().get(f"{link(empty_site)}?lang=ru").text
    assert "Торговая компания · 6 воронок" in page
    assert "Строительная компания · 3 воронки" in page


@pytest.mark.parametrize("template", ["simple", "trade", "construction", "product"])
@pytest.mark.parametrize("language", ["ru", "en"])
def test_every_template_begins_in_every_language(
    empty_site: Site, form_of: FormOf, template: str, language: str
) -> None:
    answer = save(empty_site.browser(), form_of, link(empty_site), template=template, company_language=language)
    assert answer.status_code == 303


def test_own_files_open_the_import_page(empty_site: Site, form_of: FormOf) -> None:
    answer = save(empty_site.browser(), form_of, link(empty_site), start="import")
    assert answer.headers["location"] == "/imports"


@pytest.mark.parametrize("template", ["simple", "trade"])
def test_example_fills_the_chosen_pipeline(empty_site: Site, form_of: FormOf, template: str) -> None:
    answer = save(empty_site.browser(), form_of, link(empty_site), start="demo", template=template)
    assert answer.status_code == 303
    with empty_site.database.read_scope() as session:
        assert (session.scalar(select(func.count(Deal.id))) or 0) > 20
        offered = {one.key: one.pipelines for one in available_templates("ru")}
        assert tuple(session.scalars(select(Pipeline.name).order_by(Pipeline.position))) == offered[template]


def test_link_is_dead_after_the_set_up(empty_site: Site, form_of: FormOf, unchanged: UnchangedFactory) -> None:
    path, browser = link(empty_site), empty_site.browser()
    save(browser, form_of, path)
    with unchanged(empty_site.database):
        assert browser.get(path).status_code == 404
        form = {"csrf": browser.cookies["voronka-form"], **FIELDS, "email": "second@example.com"}
        assert browser.post(path, data=form).status_code == 404


def test_link_is_dead_once_anybody_exists(site: Site, cast: Cast) -> None:
    assert site.browser().get("/account/setup/anything").status_code == 404


def test_refusal_keeps_what_was_typed_but_the_password(
    empty_site: Site, form_of: FormOf, unchanged: UnchangedFactory
) -> None:
    path = link(empty_site)
    with unchanged(empty_site.database):
        answer = save(
            empty_site.browser(), form_of, path,
            email="vera", password="qwerty123456", company_name='"><img src=x>', template="trade", start="import",
        )  # fmt: skip
    assert answer.status_code == 422
    page = answer.text
    assert "Write the e-mail as name@company.com." in page
    assert "among the first that are guessed" in page
    assert 'value="Вера"' in page
    assert 'value="&#34;&gt;&lt;img src=x&gt;"' in page
    assert "qwerty123456" not in page
    assert '<option value="Asia/Omsk" selected>' in page
    assert 'value="trade" checked' in page
    assert 'value="import" checked' in page


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("template", "../../etc/passwd"),
        ("template", ""),
        ("start", "format"),
        ("company_timezone", "../UTC"),
        ("company_language", "xx"),
    ],
)
def test_choice_outside_the_list_is_refused(
    empty_site: Site, form_of: FormOf, field: str, value: str, unchanged: UnchangedFactory
) -> None:
    path = link(empty_site)
    with unchanged(empty_site.database):
        assert save(empty_site.browser(), form_of, path, **{field: value}).status_code == 422


def test_missing_fields_are_refused_and_never_break(
    empty_site: Site, form_of: FormOf, unchanged: UnchangedFactory
) -> None:
    path, browser = link(empty_site), empty_site.browser()
    csrf = form_of(browser, path)
    with unchanged(empty_site.database):
        assert browser.post(path, data=csrf).status_code == 422
        assert browser.post(path, data={"name": "x"}).status_code == 403


def test_page_begins_with_what_the_language_suggests(empty_site: Site) -> None:
    path = link(empty_site)
    russian = empty_site.browser().get(path, headers={"accept-language": "ru"}).text
    assert '<option value="RUB" selected>' in russian
    assert '<option value="Europe/Moscow" selected>' in russian
    assert "Москва" in russian
    assert '<option value="USD" selected>' in empty_site.browser().get(path, headers={"accept-language": "en"}).text


def test_failure_in_the_middle_leaves_nothing(
    empty_site: Site, form_of: FormOf, unchanged: UnchangedFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pipeline is made after the user: when it breaks, neither company nor user nor spent link is left."""

    def broken(*_arguments: object, **_named: object) -> None:
        raise RuntimeError("half way")

    path, browser = link(empty_site), empty_site.browser()
    form = form_of(browser, path, **FIELDS)
    monkeypatch.setattr("crm.api.setup.create_from_template", broken)
    with unchanged(empty_site.database):
        assert browser.post(path, data=form).status_code == 500
