"""Russian is complete, and every code that code can raise has its sentence."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from crm.errors import CrmError
from crm.i18n import LOCALES
from crm.i18n.texts import TEXTS
from crm.settings import ROOT

RUSSIAN = LOCALES / "ru" / "LC_MESSAGES" / "voronka.po"
KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2)}
MARKERS = set(KEYWORDS)
Wanted = str | tuple[str, ...]


@cache
def sources() -> tuple[Path, ...]:
    """Return every module that may speak to a user."""
    found = [*ROOT.glob("crm/**/*.py"), *ROOT.glob("pages/**/*.py"), *ROOT.glob("app.py")]
    return tuple(sorted(found))


@cache
def wanted_messages() -> frozenset[Wanted]:
    """Return the texts marked in code and templates: a text, or its singular and plural."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["babel"]["mappings"]
    methods = [(mapping["pattern"], mapping["method"]) for mapping in settings]
    options = {mapping["pattern"]: {"silent": mapping["silent"]} for mapping in settings if "silent" in mapping}
    found: set[Wanted] = set()
    for folder in ("crm", "pages"):
        for _file, _line, message, _comments, _context in extract_from_dir(
            ROOT / folder, method_map=methods, options_map=options, keywords=KEYWORDS
        ):
            found.add(message if isinstance(message, str) else tuple(message))
    return frozenset(found)


@cache
def russian() -> Catalog:
    """Return the Russian catalogue."""
    with RUSSIAN.open("rb") as source:
        return read_po(source, locale="ru")


def test_texts_are_found_in_code_and_in_templates() -> None:
    assert "Somebody has just changed this deal. The page shows it as it is now." in wanted_messages()
    assert "Your deals are waiting." in wanted_messages()
    assert ("{n} day late", "{n} days late") in wanted_messages()
    assert "Good day, {name}" in wanted_messages(), "marked inside an f-string"


def test_every_text_is_translated_into_russian() -> None:
    missing = sorted(str(message) for message in wanted_messages() if not _is_translated(_found(message)))
    assert missing == [], f"{len(missing)} texts without Russian: run `make messages` and translate {RUSSIAN}"


def test_translations_have_the_placeholders_of_their_texts() -> None:
    wrong = [
        (message.id, form)
        for message in russian()
        if message.id
        for form in _forms(message.string)
        if form and _placeholders(form) != _placeholders(_forms(message.id)[-1])
    ]
    assert wrong == []


def test_catalogue_holds_nothing_that_code_no_longer_says() -> None:
    known = {message if isinstance(message, str) else message[0] for message in wanted_messages()}
    stale = sorted(_forms(message.id)[0] for message in russian() if message.id and _forms(message.id)[0] not in known)
    assert stale == []


def test_texts_are_not_computed() -> None:
    """A formatted text never reaches the catalogue, and a user's text in it would become a format."""
    wrong = [
        f"{source.relative_to(ROOT)}:{call.lineno}"
        for source, call in _calls()
        if isinstance(call.func, ast.Name) and call.func.id in MARKERS and _is_computed(call)
    ]
    assert wrong == []


def test_named_values_of_texts_are_given() -> None:
    """`_("Deal {id}")` without `id` would fail in front of the user."""
    wrong = [
        f"{source.relative_to(ROOT)}:{call.lineno}"
        for source, call in _calls()
        if isinstance(call.func, ast.Name) and call.func.id in {"_", "ngettext"} and _misses_values(call)
    ]
    assert wrong == []


def test_every_code_of_an_error_has_a_sentence() -> None:
    codes = {code for code in _error_classes().values() if code}
    assert len(codes) > 5
    assert sorted(codes - set(TEXTS)) == []


def test_every_code_raised_has_a_sentence() -> None:
    missing = {code for code, _call in _raised_codes() if code not in TEXTS}
    assert sorted(missing) == []


def test_values_a_sentence_needs_are_given_where_its_code_is_raised() -> None:
    wrong = []
    for code, call in _raised_codes():
        given = _given_values(call)
        if code in TEXTS and given is not None and not _placeholders(TEXTS[code]) <= given:
            wrong.append((code, call.lineno))
    assert wrong == []


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_sentence_belongs_to_a_code_in_use(code: str) -> None:
    others = [source for source in sources() if source != ROOT / "crm" / "i18n" / "texts.py"]
    assert any(f'"{code}"' in source.read_text(encoding="utf-8") for source in others)


def _found(message: Wanted) -> Message | None:
    return russian().get(message if isinstance(message, str) else message[0])


def _is_translated(message: Message | None) -> bool:
    if message is None or message.fuzzy:
        return False
    forms = _forms(message.string)
    plural_forms = russian().num_plurals if isinstance(message.id, (tuple, list)) else 1
    return len(forms) == plural_forms and all(form.strip() for form in forms)


def _forms(text: object) -> list[str]:
    return [text] if isinstance(text, str) else [str(form) for form in text]  # type: ignore[attr-defined]


def _placeholders(text: str) -> set[str]:
    return {name for _literal, name, _format, _conversion in Formatter().parse(text) if name is not None}


@cache
def _error_classes() -> dict[str, str | None]:
    """Return the classes that descend from CrmError, with their own code where they have one."""
    classes = [
        node
        for source in sources()
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    found = {CrmError.__name__: _own_code(next(node for node in classes if node.name == CrmError.__name__))}
    for _generation in range(5):
        for node in classes:
            if any(isinstance(base, ast.Name) and base.id in found for base in node.bases):
                found[node.name] = _own_code(node)
    return found


def _own_code(node: ast.ClassDef) -> str | None:
    for line in node.body:
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name) and line.targets[0].id == "code":
            return str(ast.literal_eval(line.value))
    return None


@cache
def _calls() -> tuple[tuple[Path, ast.Call], ...]:
    return tuple(
        (source, node)
        for source in sources()
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    )


def _is_computed(call: ast.Call) -> bool:
    texts = call.args[:2] if isinstance(call.func, ast.Name) and call.func.id == "ngettext" else call.args[:1]
    return not texts or any(isinstance(text, (ast.JoinedStr, ast.BinOp, ast.Call)) for text in texts)


def _misses_values(call: ast.Call) -> bool:
    if not call.args or not isinstance(call.args[0], ast.Constant) or any(word.arg is None for word in call.keywords):
        return False
    is_plural = isinstance(call.func, ast.Name) and call.func.id == "ngettext"
    texts = [str(text.value) for text in call.args[: 2 if is_plural else 1] if isinstance(text, ast.Constant)]
    given = {word.arg for word in call.keywords} | ({"n"} if is_plural else set())
    wanted = set[str]().union(*(_placeholders(text) for text in texts))
    return bool(given) and wanted != given and not wanted <= given


def _raised_codes() -> Iterator[tuple[str, ast.Call]]:
    errors = set(_error_classes())
    for _source, call in _calls():
        name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        if name not in errors | {"Violation"}:
            continue
        given = call.args[:1] or [word.value for word in call.keywords if word.arg == "code"]
        for argument in given:
            yield from ((code, call) for code in _strings_of(argument))


def _strings_of(argument: ast.expr) -> list[str]:
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return [argument.value]
    if isinstance(argument, ast.IfExp):
        return _strings_of(argument.body) + _strings_of(argument.orelse)
    return []


def _given_values(call: ast.Call) -> set[str] | None:
    """Return the names of the values given with a code; None where the call doesn't show them."""
    if getattr(call.func, "id", "") != "Violation":
        return {word.arg for word in call.keywords if word.arg} if all(word.arg for word in call.keywords) else None
    given = call.args[2:3] or [word.value for word in call.keywords if word.arg == "params"]
    if not given:
        return set()
    if not isinstance(given[0], ast.Dict):
        return None
    return {str(key.value) for key in given[0].keys if isinstance(key, ast.Constant)}
