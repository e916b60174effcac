"""The words the normaliser knows: names with their short forms, positions, legal forms, cities, mail services."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any

from crm.matching.normalise.skeleton import skeleton
from crm.settings import ROOT

_FOLDER = ROOT / "data" / "matching"


@cache
def word_lists() -> Mapping[str, Any]:
    """Return what stands in words.toml."""
    return tomllib.loads((_FOLDER / "words.toml").read_text(encoding="utf-8"))


@cache
def words(name: str) -> frozenset[str]:
    """Return one list of words.toml, as written."""
    return frozenset(word_lists()[name].split())


@cache
def word_skeletons(name: str) -> frozenset[str]:
    """Return one list of words.toml as skeletons."""
    return frozenset(skeleton(word) for word in words(name))


@cache
def given_names() -> Mapping[str, tuple[str, ...]]:
    """Return, for the skeleton of a given name, the full names it may stand for; a full name stands for itself."""
    full: set[str] = set()
    alone: set[str] = set()
    short: dict[str, set[str]] = {}
    for file in ("given_names.txt", "given_names_en.txt"):
        for name, forms in _entries(file):
            canonical = skeleton(name)
            full.add(canonical)
            if file == "given_names.txt" and canonical not in word_skeletons("also_short"):
                alone.add(canonical)
            for form in forms:
                short.setdefault(skeleton(form), set()).add(canonical)
    return {
        name: (name,) if name in alone else tuple(sorted(({name} & full) | short.get(name, set())))
        for name in full | set(short)
    }


@cache
def russian_given_names() -> frozenset[str]:
    """Return the skeletons of full names and short forms that Russian fathers may have."""
    return frozenset(skeleton(form) for name, forms in _entries("given_names.txt") for form in (name, *forms))


@cache
def cities() -> Mapping[str, str]:
    """Return, for the skeleton of a city's name or short name, the skeleton of its full name."""
    known: dict[str, str] = {}
    for name, forms in _entries("cities.txt"):
        full = city_key(name)
        known[full] = full
        for form in forms:
            known.setdefault(city_key(form), full)
    return known


def city_key(text: str) -> str:
    """Return the skeleton of a city's name, words joined."""
    return "".join(skeleton(word) for word in text.replace("-", " ").replace(".", " ").split())


def _entries(file: str) -> list[tuple[str, list[str]]]:
    lines = (_FOLDER / file).read_text(encoding="utf-8").splitlines()
    entries = [line.partition(":") for line in lines if line.strip() and not line.startswith("#")]
    return [(name.strip(), forms.split()) for name, _, forms in entries]
