"""Who finds which page in the menu, and that every page of the table exists."""

from __future__ import annotations

import pytest

from crm.actor import Actor
from crm.models import Channel, Role
from crm.settings import ROOT
from crm.ui import nav

FIGURES = ["conversion", "losses", "managers", "kpi", "trust"]


def actor(role: Role) -> Actor:
    return Actor(1, "Somebody", role, 1, None, "en", "UTC", Channel.UI)


@pytest.mark.parametrize(
    ("role", "names"),
    [
        (Role.MANAGER, ["today", "board", "clients", *FIGURES, "settings"]),
        (
            Role.HEAD,
            ["today", "board", "clients", "duplicates", "exceptions", *FIGURES, "imports", "audit", "settings"],
        ),
        (
            Role.ADMIN,
            [
                "today",
                "board",
                "clients",
                "duplicates",
                "exceptions",
                *FIGURES,
                "pipelines",
                "imports",
                "users",
                "audit",
                "settings",
            ],
        ),
    ],
)
def test_menu_holds_what_the_role_may_open(role: Role, names: list[str]) -> None:
    assert [page.name for _section, pages in nav.menu(actor(role)) for page in pages] == names


def test_menu_has_no_empty_section() -> None:
    assert all(pages for _section, pages in nav.menu(actor(Role.MANAGER)))


def test_table_and_folder_name_the_same_pages() -> None:
    files = {path.stem for path in (ROOT / "pages").glob("*.py") if not path.name.startswith("_")}
    assert {page.name for page in nav.PAGES} == files


def test_unknown_page_is_a_programming_error() -> None:
    with pytest.raises(KeyError):
        nav.page_spec("nowhere")
