"""Generated deals with everything that hangs on them: contacts, visits, next steps, activities, events, search words.

Ids follow time: the newest deals have the greatest. A deal is open with a chance that falls with its age, 10 % in all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np

from bench import words
from bench.clients import PEOPLE_PER_COMPANY, Clients
from bench.entries import CHUNK, Gathered, deal_entries, paired
from bench.facts import DAY, LOST, OPEN, WON, Block, Facts, Ints, Visits
from bench.histories import history_blocks
from bench.reaches import reach_block
from bench.skeleton import REQUIRED, Skeleton
from crm.contacts.search_words import words_of_deal

HISTORY = 3 * 365 * DAY
_OPEN_HALF = 110 * DAY  # a deal this old is open with a chance of 1/e
_STAGES = 8
_PIPELINE_SHARES = (0.40, 0.18, 0.14, 0.12, 0.09, 0.07)
_STAGE_SHARES = (0.20, 0.18, 0.15, 0.13, 0.11, 0.09, 0.08, 0.06)
# A client with thousands of deals is the hard case of the deal page.
_GIANTS = ((1, 0.005), (2, 0.002))
_CUSTOM_VARIANTS = 50


def deal_blocks(
    skeleton: Skeleton, clients: Clients, gathered: Gathered, deals: int, now: int, rng: np.random.Generator
) -> Iterator[Block]:
    """Yield every table of all deals, chunk by chunk."""
    custom = _custom_variants(skeleton)
    for first in range(1, deals + 1, CHUNK):
        ids = np.arange(first, min(first + CHUNK, deals + 1))
        facts = _facts(skeleton, clients, ids, deals, now, rng)
        visits = _visits(facts, rng)
        due = _next_due(facts, rng)
        titles = _titles(len(ids), rng)
        yield _deals(skeleton, facts, visits, due, titles, custom, rng)
        yield _deal_contacts(facts, gathered, rng)
        gathered.company_owners.append(paired(facts.company, facts.owner)[facts.company > 0])
        yield _stage_visits(skeleton, facts, visits)
        yield reach_block(skeleton, facts, visits, _stage_ids(skeleton, facts.pipeline[visits.at], visits.stage))
        yield from history_blocks(skeleton, facts, visits, due, titles, rng)
        found = [words_of_deal(one, title) for one, title in zip(ids.tolist(), titles, strict=True)]
        yield deal_entries(ids, found, facts.owner)


def _facts(skeleton: Skeleton, clients: Clients, ids: Ints, deals: int, now: int, rng: np.random.Generator) -> Facts:
    count = len(ids)
    created = now - HISTORY + (ids * (HISTORY - 3600) // deals)
    age = now - created
    is_open = rng.random(count) < np.exp(-age / _OPEN_HALF)
    status = np.where(is_open, OPEN, np.where(rng.random(count) < 0.35, WON, LOST))
    lasted = np.minimum(rng.exponential(45 * DAY, count), age * rng.uniform(0.2, 0.98, count)).astype(np.int64)
    reached = rng.choice(_STAGES, count, p=_STAGE_SHARES)
    company, contact = _clients_of(clients, count, rng)
    return Facts(
        ids=ids,
        pipeline=rng.choice(len(skeleton.pipelines), count, p=_PIPELINE_SHARES),
        reached=np.where(status == WON, _STAGES - 1, reached),
        status=status,
        owner=_owners(skeleton, clients, company, contact, rng),
        company=company,
        contact=contact,
        created=created,
        closed=np.where(is_open, 0, created + np.maximum(lasted, 600)),
        now=now,
    )


def _clients_of(clients: Clients, count: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    company = 1 + (clients.companies * rng.random(count) ** 1.5).astype(np.int64)
    draw = rng.random(count)
    for giant, share in _GIANTS:
        company[draw < share] = giant
        draw = np.where(draw < share, 1.0, draw - share)
    employee = (company - 1) * PEOPLE_PER_COMPANY + 1 + rng.integers(0, PEOPLE_PER_COMPANY, count)
    private = rng.integers(clients.employed + 1, clients.contacts + 1, count)
    is_private = (rng.random(count) < 0.3) & (company > len(_GIANTS))
    return np.where(is_private, 0, company), np.where(is_private, private, employee)


def _owners(skeleton: Skeleton, clients: Clients, company: Ints, contact: Ints, rng: np.random.Generator) -> Ints:
    of_private = clients.owner_of_private[np.maximum(contact - 1 - clients.employed, 0)]
    of_client = np.where(company > 0, clients.owner_of_company[np.maximum(company - 1, 0)], of_private)
    anybody = rng.choice(np.array(skeleton.owners), len(company))
    return np.where(rng.random(len(company)) < 0.85, of_client, anybody)


def _visits(facts: Facts, rng: np.random.Generator) -> Visits:
    counts = facts.reached + 1
    at = np.repeat(np.arange(len(counts)), counts)
    starts = np.cumsum(counts) - counts
    stage = np.arange(len(at)) - np.repeat(starts, counts)
    share = rng.exponential(1, len(at))
    before = np.cumsum(share) - share
    before -= np.repeat(before[starts], counts)
    end = np.where(facts.closed > 0, facts.closed, facts.now)
    whole = np.repeat(np.add.reduceat(share, starts), counts)
    entered = facts.created[at] + ((end - facts.created)[at] * before / whole).astype(np.int64)
    is_last = stage == facts.reached[at]
    left = np.where(is_last, facts.closed[at], np.append(entered[1:], 0))
    return Visits(at, stage, entered, left, is_last)


def _next_due(facts: Facts, rng: np.random.Generator) -> Ints:
    """Return when the nearest open step is due: 0 for closed deals and for the 8 % of open ones without a step."""
    count = len(facts.ids)
    kind = rng.random(count)
    overdue = facts.now - 60 - rng.exponential(5 * DAY, count).astype(np.int64)
    today = facts.now + rng.integers(3600, DAY, count)
    later = facts.now + rng.integers(DAY, 14 * DAY, count)
    due = np.where(kind < 0.25, np.maximum(overdue, facts.created), np.where(kind < 0.35, today, later))
    return np.where((kind < 0.08) | (facts.status != OPEN), 0, due)


def _titles(count: int, rng: np.random.Generator) -> list[str]:
    products, qualities, cities = (
        [among[at] for at in rng.integers(0, len(among), count).tolist()]
        for among in (words.PRODUCTS, words.QUALITIES, words.CITIES)
    )
    return [f"{product} {quality}, {city}" for product, quality, city in zip(products, qualities, cities, strict=True)]


def _deals(
    skeleton: Skeleton, facts: Facts, visits: Visits, due: Ints, titles: list[str], custom: list[list[str]],
    rng: np.random.Generator,
) -> Block:  # fmt: skip
    count = len(facts.ids)
    stages = _stage_ids(skeleton, facts.pipeline, facts.reached)
    ends = np.array([[0, one.won, one.lost] for one in skeleton.pipelines])[facts.pipeline, facts.status]
    lost = facts.status == LOST
    reasons = np.array([one.reasons for one in skeleton.pipelines])
    amounts = np.round(rng.lognormal(12.2, 1.0, count), -2).astype(np.int64) * 100
    amounts[(rng.random(count) < 0.3) & (facts.reached < 3) & (facts.status == OPEN)] = 0
    variants = rng.integers(0, _CUSTOM_VARIANTS, count).tolist()
    with_utm = rng.random(count) < 0.2
    empty = [None] * count
    return Block(
        "deals",
        {
            "id": facts.ids.tolist(),
            "pipeline_id": np.array([one.id for one in skeleton.pipelines])[facts.pipeline].tolist(),
            "stage_id": np.where(facts.status == OPEN, stages, ends).tolist(),
            "status": facts.status.tolist(),
            "owner_id": facts.owner.tolist(),
            "company_id": _or_none(facts.company),
            "title": titles,
            "amount_minor": _or_none(amounts),
            "currency": rng.choice(["RUB", "USD", "CNY"], count, p=[0.97, 0.02, 0.01]).tolist(),
            "priority": rng.choice(3, count, p=[0.15, 0.6, 0.25]).tolist(),
            "source": [words.SOURCES[at] for at in rng.integers(0, len(words.SOURCES), count).tolist()],
            "utm_source": ["yandex" if has else None for has in with_utm],
            "utm_medium": ["cpc" if has else None for has in with_utm],
            "utm_campaign": empty,
            "utm_content": empty,
            "utm_term": empty,
            "expected_close_on": _expected_close(facts, rng),
            "custom": [custom[stage][at] for stage, at in zip(facts.reached.tolist(), variants, strict=True)],
            "origin_deal_id": empty,
            "loss_reason_id": _or_none(
                np.where(lost, reasons[facts.pipeline, rng.integers(0, reasons.shape[1], count)], 0)
            ),
            "loss_note": [
                words.LOSS_NOTES[at] if is_lost else None
                for at, is_lost in zip(rng.integers(0, len(words.LOSS_NOTES), count).tolist(), lost, strict=True)
            ],
            "loss_stage_id": _or_none(np.where(lost, stages, 0)),
            "next_due_at": _or_none(due),
            "stage_entered_at": np.where(facts.closed > 0, facts.closed, visits.entered[visits.is_last]).tolist(),
            "created_at": facts.created.tolist(),
            "updated_at": np.where(facts.closed > 0, facts.closed, visits.entered[visits.is_last]).tolist(),
            "created_by": facts.owner.tolist(),
            "created_channel": ["ui"] * count,
            "closed_at": _or_none(facts.closed),
            "version": (facts.reached + 1).tolist(),
        },
    )


def _deal_contacts(facts: Facts, gathered: Gathered, rng: np.random.Generator) -> Block:
    colleague = np.where((facts.contact - 1) % PEOPLE_PER_COMPANY == 0, facts.contact + 1, facts.contact - 1)
    second = (rng.random(len(facts.ids)) < 0.2) & (facts.company > 0)
    deal_ids = np.concatenate([facts.ids, facts.ids[second]])
    contact_ids = np.concatenate([facts.contact, colleague[second]])
    gathered.contact_owners.append(paired(contact_ids, np.concatenate([facts.owner, facts.owner[second]])))
    main = len(facts.ids)
    return Block(
        "deal_contacts",
        {
            "deal_id": deal_ids.tolist(),
            "contact_id": contact_ids.tolist(),
            "role": [None] * len(deal_ids),
            "position": [0] * main + [1] * (len(deal_ids) - main),
        },
    )


def _stage_visits(skeleton: Skeleton, facts: Facts, visits: Visits) -> Block:
    count = len(visits.at)
    pipeline = facts.pipeline[visits.at]
    following = np.minimum(visits.stage + 1, _STAGES - 1)
    ends = np.array([[0, one.won, one.lost] for one in skeleton.pipelines])[pipeline, facts.status[visits.at]]
    outcomes = np.array(["open", "won", "lost"])[facts.status[visits.at]]
    return Block(
        "stage_visits",
        {
            "deal_id": facts.ids[visits.at].tolist(),
            "pipeline_id": np.array([one.id for one in skeleton.pipelines])[pipeline].tolist(),
            "stage_id": _stage_ids(skeleton, pipeline, visits.stage).tolist(),
            "owner_id": facts.owner[visits.at].tolist(),
            "entered_at": visits.entered.tolist(),
            "stay_entered_at": visits.entered.tolist(),
            "left_at": _or_none(visits.left),
            "outcome": np.where(visits.is_last, outcomes, "forward").tolist(),
            "next_stage_id": _or_none(np.where(visits.is_last, ends, _stage_ids(skeleton, pipeline, following))),
            "is_first": [1] * count,
            "owner_known": [1] * count,
            "channel": ["ui"] * count,
            "actor_id": facts.owner[visits.at].tolist(),
        },
    )


def _stage_ids(skeleton: Skeleton, pipeline: Ints, stage: Ints) -> Ints:
    ids: Ints = np.array([one.stages for one in skeleton.pipelines])[pipeline, stage]
    return ids


def _expected_close(facts: Facts, rng: np.random.Generator) -> list[str | None]:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    days = ((facts.created + rng.integers(20, 120, len(facts.ids)) * DAY) // DAY).tolist()
    names = {day: (epoch + timedelta(days=day)).date().isoformat() for day in set(days)}
    late = (facts.reached == _STAGES - 1).tolist()
    return [names[day] if is_late else None for day, is_late in zip(days, late, strict=True)]


def _custom_variants(skeleton: Skeleton) -> list[list[str]]:
    """Return, per last stage reached, texts of the custom values its deals have filled."""
    filled = [sum(isinstance(one, int) for required in REQUIRED[: stage + 1] for one in required) for stage in range(8)]
    values = [
        ("Строит склады", "Торгует оптом", "Делает станки", "Возит зерно"),
        ("Арматуру", "Трубы и отводы", "Лист", "Кабель"),
        (5, 12, 40, 250),
        ("Местная база", "Завод", "Нет", "Два дилера"),
        (True, True, True, False),
        (0, 50_000_00, 300_000_00, 1_000_000_00),
    ]
    return [
        [
            json.dumps({str(skeleton.fields[at]): values[at][(variant >> at) % 4] for at in range(count)})
            for variant in range(_CUSTOM_VARIANTS)
        ]
        for count in filled
    ]


def _or_none(numbers: Ints) -> list[int | None]:
    return [number or None for number in numbers.tolist()]
