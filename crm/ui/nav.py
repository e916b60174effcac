"""The pages there are, who may open them, and links between them."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from crm.actor import Actor
from crm.auth.permissions import Action, may
from crm.i18n import N_, _
from crm.settings import ROOT


@dataclass(frozen=True, slots=True)
class PageSpec:
    """A page: its file in pages/ and its path are `name`; `needs` is what its readers must be allowed to do."""

    name: str
    title: str
    icon: str
    help: str
    needs: Action
    section: str
    in_menu: bool = True


WORK, ANALYTICS, BASE, ADMINISTRATION = N_("Work"), N_("Analytics"), N_("Set-up"), N_("Administration")
SECTIONS = (WORK, ANALYTICS, BASE, ADMINISTRATION)

PAGES: tuple[PageSpec, ...] = (
    PageSpec(
        "today", N_("Today"), ":material/today:",
        N_("What to do now: late and today's next steps, deals without one."), Action.WORK_DEALS, WORK,
    ),
    PageSpec(
        "board", N_("Board"), ":material/view_kanban:",
        N_("Every open deal of a pipeline by stage. Drag a deal to move it."), Action.WORK_DEALS, WORK,
    ),
    PageSpec(
        "deal", N_("Deal"), ":material/handshake:",
        N_("One deal: what is agreed and what comes next."), Action.WORK_DEALS, WORK, in_menu=False,
    ),
    PageSpec(
        "clients", N_("Clients"), ":material/groups:",
        N_("Companies and people, with all their deals."), Action.WORK_CLIENTS, WORK,
    ),
    PageSpec(
        "duplicates", N_("Duplicates"), ":material/join_inner:",
        N_("Clients and deals entered twice: compare, merge, undo."), Action.REVIEW_DUPLICATES, WORK,
    ),
    PageSpec(
        "exceptions", N_("Exceptions"), ":material/gavel:",
        N_("Rules passed with a reason, and removed deals."), Action.SEE_EXCEPTIONS, WORK,
    ),
    PageSpec(
        "conversion", N_("Conversion"), ":material/conversion_path:",
        N_("How many deals go on from stage to stage, and where they are lost."), Action.SEE_ANALYTICS, ANALYTICS,
    ),
    PageSpec(
        "losses", N_("Losses"), ":material/money_off:",
        N_("Why and where deals are lost, what it costs, and which of them can be saved."), Action.SEE_ANALYTICS,
        ANALYTICS,
    ),
    PageSpec(
        "managers", N_("Managers"), ":material/leaderboard:",
        N_("Who takes deals further on which stage, how fast, and who can help whom."), Action.SEE_ANALYTICS, ANALYTICS,
    ),
    PageSpec(
        "kpi", N_("Key figures"), ":material/table_chart:",
        N_("Sales, losses and plans by month or week, and what open deals will bring."), Action.SEE_ANALYTICS,
        ANALYTICS,
    ),
    PageSpec(
        "trust", N_("Data trust"), ":material/verified:",
        N_("What is kept wrong in deals, by whom, and how to mend it."), Action.SEE_ANALYTICS, ANALYTICS,
    ),
    PageSpec(
        "pipelines", N_("Pipelines"), ":material/filter_alt:",
        N_("Stages, what each of them needs, and reasons of loss."), Action.DESIGN_PIPELINES, BASE,
    ),
    PageSpec(
        "imports", N_("Import"), ":material/upload_file:",
        N_("Bring deals and clients in from files, and take an import back."), Action.IMPORT_RECORDS, BASE,
    ),
    PageSpec(
        "users", N_("Users"), ":material/manage_accounts:",
        N_("Who works here, in which team and role."), Action.MANAGE_USERS, ADMINISTRATION,
    ),
    PageSpec(
        "audit", N_("Journal"), ":material/history:",
        N_("Who changed what, when and through which door."), Action.SEE_AUDIT, ADMINISTRATION,
    ),
    PageSpec(
        "settings", N_("Settings"), ":material/settings:",
        N_("Your account and keys; for administrators, the company."), Action.MANAGE_OWN_KEYS, ADMINISTRATION,
    ),
)  # fmt: skip

_BY_NAME = {page.name: page for page in PAGES}
FIRST_PAGE = PAGES[0]
MARK = ROOT / "crm" / "api" / "assets" / "mark.svg"


def page_spec(name: str) -> PageSpec:
    """Return the page of a name; an unknown one is a programming error (KeyError)."""
    return _BY_NAME[name]


def menu(actor: Actor) -> list[tuple[str, list[PageSpec]]]:
    """Return the sections and pages of the actor's menu, without empty sections."""
    sections = []
    for section in SECTIONS:
        pages = [page for page in PAGES if page.section == section and page.in_menu and may(actor, page.needs)]
        if pages:
            sections.append((section, pages))
    return sections


def registered_pages() -> list[st.Page]:
    """Return every page for st.navigation; each page checks the role itself, so that a link gets a clear answer.

    Without icons: Streamlit would fetch them from a foreign host for the browser's tab.
    """
    return [
        st.Page(f"{page.name}.py", title=_(page.title), default=page is FIRST_PAGE, help=_(page.help)) for page in PAGES
    ]


def page_link(name: str, label: str | None = None, *, icon: str | None = None, **query: str | int) -> None:
    """Draw a link to a page, such as `page_link("deal", md(title), deal=1042)`; `label` is markdown."""
    st.page_link(f"{name}.py", label=label, icon=icon, query_params={key: str(value) for key, value in query.items()})


def go_to(name: str, **query: str | int) -> None:
    """Open another page now: `go_to("deal", deal=1042)`. Not in callbacks of forms."""
    st.switch_page(f"{name}.py", query_params={key: str(value) for key, value in query.items()})
