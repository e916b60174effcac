"""Persons and departments as stages (L07): who works on a deal is its owner, not its stage."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crm.pipelines.linter.names.english import is_participle
from crm.pipelines.linter.names.lists import words
from crm.pipelines.linter.names.russian import is_known, parses
from crm.pipelines.linter.names.spelling import Words, is_cyrillic

_ROLES_RU = words("people", "russian_roles")
_CENTRES_RU = words("people", "russian_centres")
_DEPARTMENT_RU = re.compile(r"отдел|департамент|служба|управление|команда|группа|дирекция|бригада|филиал|офис")
_OF_DEPARTMENT = frozenset(("NOUN", "ADJF", "CONJ", "PREP"))
_PREPOSITIONS_RU = frozenset(("у", "на", "в", "к", "для", "от", "под", "за"))
_OWNED_RU = re.compile(r"лид\w{0,2}|клиент\w{0,3}|сделк\w{1,2}|заявк\w{1,2}|воронка|база|ответственн\w+")
_OF_ROLE_RU = re.compile(
    r"по|и|продаж\w{0,2}|клиент\w{1,3}|закупк\w{1,2}|"
    r"(главн|старш|младш|коммерч|генеральн|исполнит|юридич|технич|финанс|наш|персональн)\w+"
)
_ROLES_EN = words("people", "english_roles")
_BESIDE_EN = words("people", "english_beside")
_OWNED_EN = words("people", "english_owned")
_NOT_ALONE_EN = words("people", "english_not_alone")
_FIRST_NAMES = words("people", "english_first_names")
_CALL_CENTRE = re.compile(r"\b(?:call|contact) cent(?:er|re)\b")
_DEPARTMENT_EN = frozenset(("team", "teams", "department", "dept", "division", "desk"))
_ADDRESS = frozenset(("mr", "mrs", "ms", "miss", "dr"))
_NO_SURNAME = re.compile(r".*(ed|ing|tion|ment|al|call|meeting|demo)")


def is_person(name: Words) -> bool:
    """Tell whether a name says who works and nothing else."""
    if any(is_cyrillic(word) for word in name.all):
        return _is_person_russian(name.all)
    return bool(name.all) and _is_person_english(name)


def _is_person_russian(name: Sequence[str]) -> bool:
    named = False
    in_department = any(_is_department(word) for word in name)
    for word in name:
        if word in _PREPOSITIONS_RU or _OWNED_RU.fullmatch(word) or word.isdigit() or (named and len(word) == 1):
            continue
        if (
            _is_role(word)
            or word.endswith("отдел")
            or _is_persons_name(word)
            or (len(name) == 1 and _may_be_first_name(word))
        ):
            named = True
        elif word in _CENTRES_RU or word in _ROLES_EN:
            named = named or word == "центр"
        elif not _fits_role(word, in_department, "по" in name):
            return False
    return named


def _is_department(word: str) -> bool:
    return word.endswith("отдел") or any(_DEPARTMENT_RU.fullmatch(parse.normal_form) for parse in parses(word))


def _is_role(word: str) -> bool:
    return word in _ROLES_RU or any(parse.normal_form in _ROLES_RU for parse in parses(word)[:3])


def _is_persons_name(word: str) -> bool:
    first = parses(word)[0]
    return is_known(word) and any(mark in first.tag for mark in ("Name", "Surn", "Patr"))


def _may_be_first_name(word: str) -> bool:
    """«Вера» and «Роман» alone are people, though more often they are something else."""
    return is_known(word) and any({"Name", "nomn", "sing"} in parse.tag for parse in parses(word))


def _fits_role(word: str, in_department: bool, for_task: bool) -> bool:
    """Complements: «отдел контроля качества», «главный технолог», «менеджер по работе с клиентами»."""
    if in_department:
        return parses(word)[0].tag.POS in _OF_DEPARTMENT
    return bool(_OF_ROLE_RU.fullmatch(word)) or (for_task and parses(word)[0].tag.POS in _OF_DEPARTMENT)


def _is_person_english(name: Words) -> bool:
    bare = _CALL_CENTRE.sub("callcenter", " ".join(name.all)).replace("'s", "").split()
    people = _FIRST_NAMES | _ADDRESS | _BESIDE_EN | _ROLES_EN
    if any(word in _FIRST_NAMES for word in bare) and bare[0] in people:
        rest = [word for word in bare if word not in people | _OWNED_EN]
        return not rest or (len(bare) == 2 and _is_surname(name, rest[0]))
    if len(bare) in {2, 3} and bare[-1] in _DEPARTMENT_EN:
        return not any(is_participle(word) for word in bare)
    if not any(word in _ROLES_EN for word in bare) or (len(bare) == 1 and bare[0] in _NOT_ALONE_EN):
        return False
    owns = bare[-1] in _OWNED_EN and any(word.endswith("'s") for word in name.all)
    told = bare[:-1] if owns else bare
    return all(word in _ROLES_EN or word in _BESIDE_EN for word in told) and bare[-1] not in {"lead", "for", "to"}


def _is_surname(name: Words, word: str) -> bool:
    """A capital behind a first name is a surname unless it ends like a verb or a noun of action."""
    last = [one for segment in name.written for one in segment][-1]
    return word.isalpha() and last[:1].isupper() and last.lower() == word and not _NO_SURNAME.fullmatch(word)
