"""The house rules of CONTRIBUTING.md that a machine can check."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from crm.settings import ROOT, Settings

# From the bottom up; a module imports from its own unit and from units before it.
FLOOR = (
    "clock",
    "errors",
    "settings",
    "typed_text",
    "models.codes",
    "i18n",
    "db",
    "models",
    "actor",
    "events",
    "jobs",
    "child_process",
)
ROOMS = ("auth", "pipelines", "matching", "contacts", "deals", "duplicates", "imports", "analytics")
EDGES = frozenset({"ui", "api", "worker", "cli"})

ALLOWED_IN = {
    "streamlit": ("pages/", "crm/ui/", "app.py"),
    "streamlit_sortables": ("crm/ui/",),
    "fastapi": ("crm/api/", "app.py"),
    "starlette": ("crm/api/", "app.py"),
    "pandas": ("crm/imports/", "crm/ui/", "crm/analytics/"),
    "altair": ("crm/ui/", "crm/analytics/"),
    "splink": ("crm/matching/scale/",),
    "duckdb": ("crm/matching/scale/",),
    "pyspark": ("crm/matching/scale/",),
    "pyarrow": ("crm/matching/scale/",),
    "sqlite3": (),
    "pickle": (),
    "marshal": (),
    "shelve": (),
    "xml": ("crm/imports/",),
}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "os.system", "os.popen", "__import__"}
SCALE = "crm/matching/scale"
VAGUE_FILES = {"utils", "helpers", "common", "misc"}
VAGUE_CLASSES = ("Manager", "Handler", "Processor")
MODULE_LINES, PAGE_LINES, FUNCTION_LINES, NESTING, DECISION_LINES = 400, 200, 60, 3, 25
DECISIONS = (ast.If, ast.For, ast.While, ast.Match, ast.AsyncFor)
BLOCKS = (*DECISIONS, ast.With, ast.AsyncWith, ast.Try)

MODULES = sorted(
    path.relative_to(ROOT)
    for path in [*ROOT.glob("crm/**/*.py"), *ROOT.glob("pages/*.py"), *ROOT.glob("app.py")]
    if "versions" not in path.parts
)
PAGES = [module for module in MODULES if module.parts[0] == "pages" and not module.name.startswith("_")]


@cache
def tree(module: Path) -> ast.Module:
    """Return the parsed module."""
    return ast.parse((ROOT / module).read_text(encoding="utf-8"))


@pytest.fixture(scope="module", autouse=True)
def trees_are_forgotten() -> Iterator[None]:
    """Keep a million nodes out of the way of the collector once these tests are over."""
    yield
    for kept in (tree, nodes, calls, functions):
        kept.cache_clear()


# One test a rule, not one a module and rule: eight thousand items slowed down every other test of the process.
def test_rules_are_held_by_all_of_the_code() -> None:
    assert {module.parts[0] for module in MODULES} == {"crm", "pages", "app.py"}
    assert {f"crm/{name.split('.')[0]}" for name in (*FLOOR, *ROOMS, *EDGES)} <= {
        "/".join(module.with_suffix("").parts[:2]) for module in MODULES
    }


def test_modules_import_only_from_their_own_unit_and_below() -> None:
    wrong = [
        (module, name)
        for module in MODULES
        for unit in [unit_of(".".join(module.with_suffix("").parts))]
        for name in imported(module)
        if name.startswith("crm") and not may_import(unit, unit_of(name))
    ]
    assert wrong == []


def test_nothing_imports_a_page() -> None:
    assert [(module, name) for module in MODULES for name in imported(module) if name.split(".")[0] == "pages"] == []


def test_packages_are_used_only_where_they_belong() -> None:
    wrong = [
        (module, name)
        for module in MODULES
        for name in imported(module)
        for package, places in ALLOWED_IN.items()
        if name.split(".")[0] == package and not module.as_posix().startswith(places)
    ]
    assert wrong == []


def test_modules_and_functions_keep_their_sizes() -> None:
    lines = {module: len((ROOT / module).read_text(encoding="utf-8").splitlines()) for module in MODULES}
    long = [
        (module, count) for module, count in lines.items() if count > (PAGE_LINES if module in PAGES else MODULE_LINES)
    ]
    assert long == []
    long_functions = [
        (module, node.name)
        for module in MODULES
        for node in functions(module)
        if (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES
    ]
    assert long_functions == []


def test_functions_nest_three_decisions_at_most() -> None:
    deep = [(module, node.name) for module in MODULES for node in functions(module) if nesting(node.body) > NESTING]
    assert deep == []


def test_only_the_database_package_commits() -> None:
    commits = [
        (module, node.lineno)
        for module in MODULES
        if not module.is_relative_to("crm/db")
        for node in calls(module)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    ]
    assert commits == []


def test_names_are_not_vague() -> None:
    assert [module for module in MODULES if module.stem in VAGUE_FILES] == []
    vague = [
        (module, node.name)
        for module in MODULES
        for node in nodes(module)
        if isinstance(node, ast.ClassDef) and node.name.endswith(VAGUE_CLASSES)
    ]
    assert vague == []


def test_every_package_in_use_is_asked_for_by_name() -> None:
    asked, extra = asked_for("requirements.in"), asked_for("requirements-scale.in")
    distributions = packages_distributions()
    wrong = [
        (module, name)
        for module in MODULES
        for name in {name.split(".")[0] for name in imported(module)} - {"crm", "pages"} - sys.stdlib_module_names
        if not (asked | (extra if module.is_relative_to(SCALE) else set())) & known_as(name, distributions)
    ]
    assert wrong == []


def test_optional_packages_are_loaded_only_when_asked_for() -> None:
    """Who installs requirements.txt alone must be able to import everything else."""
    loaded = [
        (module, name)
        for module in MODULES
        if not module.is_relative_to(SCALE)
        for node in tree(module).body
        for part in [*getattr(node, "names", []), node]
        for name in [getattr(part, "module", None) or getattr(part, "name", None) or ""]
        if name.startswith("crm.matching.scale")
    ]
    assert loaded == []


def test_pages_open_with_their_own_names() -> None:
    """A fragment's rerun skips the shell, so each page checks user and role itself, before anything else runs."""
    assert len(PAGES) >= 16
    wrong = {page: opened(page) for page in PAGES if opened(page) != [page.stem]}
    assert wrong == {}


# Security


def test_no_dangerous_call() -> None:
    wrong = [
        (module, node.lineno) for module in MODULES for node in calls(module) if name_of(node.func) in FORBIDDEN_CALLS
    ]
    assert wrong == []
    keywords = [
        (module, node.lineno, word.arg)
        for module in MODULES
        for node in calls(module)
        for word in node.keywords
        if word.arg in {"shell", "unsafe_allow_html", "unsafe_allow_javascript"}
    ]
    assert keywords == []


def test_random_numbers_are_seeded_and_never_secrets() -> None:
    uses = [
        (module, node)
        for module in MODULES
        for node in calls(module)
        if name_of(node.func).split(".")[0] in {"random", "Random"}
    ]
    unseeded = [
        (module, node.lineno)
        for module, node in uses
        if name_of(node.func) not in {"random.Random", "Random"} or not node.args
    ]
    assert unseeded == []
    secrets = [
        (module, node.lineno)
        for module, node in uses
        if module.is_relative_to("crm/auth") or module.is_relative_to("crm/api")
    ]
    assert secrets == []


def test_sql_text_is_not_put_together() -> None:
    wrong = [
        (module, node.lineno)
        for module in MODULES
        if not module.is_relative_to("crm/db")
        for node in calls(module)
        if name_of(node.func) in {"text", "sa.text", "sqlalchemy.text", "literal_column", "exec_driver_sql"}
        if any(isinstance(part, (ast.JoinedStr, ast.BinOp, ast.Call)) for part in node.args[:1])
    ]
    assert wrong == []


def test_api_never_trusts_the_address_a_request_claims() -> None:
    """The Host header is the sender's: links come from CRM_PUBLIC_URL, decisions from the scope's path."""
    claimed = [
        (module, node.lineno)
        for module in MODULES
        if module.is_relative_to("crm/api")
        for node in nodes(module)
        if isinstance(node, ast.Attribute) and node.attr in {"url", "base_url", "url_for"}
        if name_of(node.value).split(".")[-1] in {"request", "connection", "conn", "websocket"}
    ]
    assert claimed == []


# Documents


def test_readme_table_of_places_is_true() -> None:
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## Where do I add", 1)[1].split("\n## ", 1)[0]
    named = re.findall(r"`([^`]+)`", section)
    paths = [name for name in named if "/" in name]
    tuples = [name for name in named if re.fullmatch(r"[A-Z][A-Z_]+", name)]
    code = "\n".join((ROOT / module).read_text(encoding="utf-8") for module in MODULES)
    assert len(paths) >= 9
    assert [path for path in paths if not (ROOT / path.split("<", 1)[0]).exists()] == []
    assert [name for name in tuples if not re.search(rf"^{name}\b", code, re.MULTILINE)] == []


def test_links_of_documents_lead_somewhere() -> None:
    broken = [
        (document.name, target)
        for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text(encoding="utf-8"))
        if not (document.parent / target).exists()
    ]
    assert broken == []


def test_admin_document_names_every_setting_and_no_other() -> None:
    named = set(re.findall(r"`(CRM_[A-Z_]+)`", (ROOT / "docs" / "admin.md").read_text(encoding="utf-8")))
    assert named == {f"CRM_{name.upper()}" for name in Settings.model_fields}


def test_decisions_are_numbered_and_short() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [path.name for path in decisions if not re.fullmatch(r"\d{4}-[a-z0-9-]+", path.stem)] == []
    lines = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in decisions}
    assert {name: count for name, count in lines.items() if count > DECISION_LINES} == {}


def test_numbers_of_decisions_are_used_once() -> None:
    numbers = [path.name[:4] for path in (ROOT / "docs" / "decisions").glob("*.md")]
    assert len(numbers) >= 19
    assert sorted(numbers) == sorted(set(numbers))


# Reading the tree


def unit_of(name: str) -> str:
    """Return the unit of a dotted module name: a floor name, a room, an edge, or "top" for pages and app.py."""
    parts = name.split(".")
    if parts[0] != "crm" or len(parts) == 1:
        return "top" if parts[0] != "crm" else "root"
    if parts[1:3] == ["models", "codes"]:
        return "models.codes"  # closed lists without a table, below everything that speaks of them
    if parts[1:3] == ["db", "migrations"]:
        return "top"  # run by Alembic; compares the models with the database
    return parts[1]


def may_import(importer: str, imported_unit: str) -> bool:
    """Tell whether a module of one unit may import from another."""
    if imported_unit in {importer, "root"} or importer == "top":
        return True
    if importer in EDGES:
        return imported_unit not in EDGES
    order = (*FLOOR, *ROOMS)
    return imported_unit in order and order.index(imported_unit) < order.index(importer)


def asked_for(requirements: str) -> set[str]:
    """Return the packages a requirements file names."""
    lines = (ROOT / requirements).read_text(encoding="utf-8").splitlines()
    return {re.split(r"[^a-z0-9.-]", line.lower())[0] for line in lines if line and not line.startswith("#")}


def known_as(name: str, distributions: Mapping[str, list[str]]) -> set[str]:
    """Return the names under which a package may be asked for: of pydantic_core, pydantic is enough.

    An optional package that is not installed goes by its own name.
    """
    if name not in distributions:
        return {name}
    own = {distribution.lower().replace("_", "-") for distribution in distributions[name]}
    return own | {distribution.removesuffix("-core") for distribution in own}


@cache
def imported(module: Path) -> tuple[str, ...]:
    """Return the dotted names a module imports, at its top and inside functions."""
    found: list[str] = []
    for node in nodes(module):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in {module}"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(found)


@cache
def nodes(module: Path) -> tuple[ast.AST, ...]:
    """Return every node of a module's tree."""
    return tuple(ast.walk(tree(module)))


@cache
def calls(module: Path) -> tuple[ast.Call, ...]:
    """Return every call of a module."""
    return tuple(node for node in nodes(module) if isinstance(node, ast.Call))


@cache
def functions(module: Path) -> tuple[ast.FunctionDef | ast.AsyncFunctionDef, ...]:
    """Return every function of a module, methods and inner ones included."""
    return tuple(node for node in nodes(module) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def opened(page: Path) -> list[object]:
    """Return the names with which the first statement of a page that does something opens a page."""
    first = next(node for node in tree(page).body if runs_something(node))
    return [
        node.args[0].value
        for node in ast.walk(first)
        if isinstance(node, ast.Call) and name_of(node.func).split(".")[-1] == "open_page"
        if node.args and isinstance(node.args[0], ast.Constant)
    ]


def name_of(node: ast.expr) -> str:
    """Return a name such as "os.system" of an expression of names; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    return f"{name_of(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else ""


def nesting(body: list[ast.stmt]) -> int:
    """Return how many decisions and loops stand inside one another; an elif is no deeper than its if."""
    deepest = 0
    for node in body:
        if not isinstance(node, BLOCKS):
            continue
        inner = [part for field in ("body", "finalbody") for part in getattr(node, field, [])]
        inner += [part for handler in getattr(node, "handlers", []) for part in handler.body]
        inner += [part for case in getattr(node, "cases", []) for part in case.body]
        otherwise = getattr(node, "orelse", [])
        is_elif = len(otherwise) == 1 and isinstance(node, ast.If) and isinstance(otherwise[0], ast.If)
        own = int(isinstance(node, DECISIONS))
        deepest = max(deepest, own + nesting(inner), nesting(otherwise) + (0 if is_elif else own))
    return deepest


def runs_something(node: ast.stmt) -> bool:
    """Tell whether a statement of a page does more than import, define, or name a constant."""
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)):
        return False
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return False
    return any(isinstance(part, ast.Call) for part in ast.walk(node))
