"""What happened on generated deals: next steps, activities and events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from bench import words
from bench.facts import LOST, OPEN, Block, Facts, Ints, Visits
from bench.skeleton import Skeleton

STEPS_DONE, ACTIVITIES = 1.5, 3.0  # on an average deal
_STEP_KINDS = ("call", "meeting", "email", "offer", "review", "other")
_ACTIVITY_KINDS = ("note", "call", "call", "message", "meeting")


def history_blocks(
    skeleton: Skeleton, facts: Facts, visits: Visits, due: Ints, titles: Sequence[str], rng: np.random.Generator
) -> Iterator[Block]:
    """Yield next steps, activities and events of a chunk; events of one deal in the order of time."""
    yield _open_steps(facts, due, rng)
    yield _done_steps(facts, rng)
    activities = _activities(facts, rng)
    yield activities
    yield _created_events(skeleton, facts, titles)
    yield _moved_events(skeleton, facts, visits)
    yield _planned_events(facts, due)
    yield _activity_events(activities)


def _open_steps(facts: Facts, due: Ints, rng: np.random.Generator) -> Block:
    with_step = np.flatnonzero(due)
    count = len(with_step)
    empty = [None] * count
    return Block(
        "next_steps",
        {
            "deal_id": facts.ids[with_step].tolist(),
            "kind": _picks(_STEP_KINDS, count, rng),
            "text": _picks(words.STEP_TEXTS, count, rng),
            "due_at": due[with_step].tolist(),
            "owner_id": facts.owner[with_step].tolist(),
            "created_at": facts.created[with_step].tolist(),
            "created_by": facts.owner[with_step].tolist(),
            "done_at": empty,
            "done_by": empty,
            "result": empty,
            "result_text": empty,
            "version": [1] * count,
        },
    )


def _done_steps(facts: Facts, rng: np.random.Generator) -> Block:
    at, when = _moments(facts, STEPS_DONE, rng)
    count = len(at)
    owners = facts.owner[at].tolist()
    return Block(
        "next_steps",
        {
            "deal_id": facts.ids[at].tolist(),
            "kind": _picks(_STEP_KINDS, count, rng),
            "text": _picks(words.STEP_TEXTS, count, rng),
            "due_at": when.tolist(),
            "owner_id": owners,
            "created_at": facts.created[at].tolist(),
            "created_by": owners,
            "done_at": when.tolist(),
            "done_by": owners,
            "result": _picks(("reached", "no_answer", "done"), count, rng),
            "result_text": [None] * count,
            "version": [2] * count,
        },
    )


def _activities(facts: Facts, rng: np.random.Generator) -> Block:
    at, when = _moments(facts, ACTIVITIES, rng)
    count = len(at)
    kinds = _picks(_ACTIVITY_KINDS, count, rng)
    calls = rng.integers(10, 900, count).tolist()
    return Block(
        "activities",
        {
            "deal_id": facts.ids[at].tolist(),
            "contact_id": facts.contact[at].tolist(),
            "kind": kinds,
            "direction": [None if kind == "note" else "out" for kind in kinds],
            "text": _picks(words.NOTES, count, rng),
            "duration_seconds": [
                seconds if kind == "call" else None for kind, seconds in zip(kinds, calls, strict=True)
            ],
            "at": when.tolist(),
            "author_id": facts.owner[at].tolist(),
        },
    )


def _created_events(skeleton: Skeleton, facts: Facts, titles: Sequence[str]) -> Block:
    tails = [
        json.dumps({"pipeline": name, "stage_id": sales.stages[0], "stage": words.OPEN_STAGES[0]})[1:]
        for name, sales in zip(words.PIPELINES, skeleton.pipelines, strict=True)
    ]
    details = [
        f'{{"title": {json.dumps(title)}, {tails[pipeline]}'
        for title, pipeline in zip(titles, facts.pipeline.tolist(), strict=True)
    ]
    return _events("deal.created", facts.ids, facts.ids, facts.created, facts.owner, details)


def _moved_events(skeleton: Skeleton, facts: Facts, visits: Visits) -> Block:
    left = np.flatnonzero(visits.left)
    at = visits.at[left]
    status = np.where(visits.is_last[left], facts.status[at], OPEN)
    names = np.array(["deal.moved", "deal.won", "deal.lost"])[status].tolist()
    cells = zip(facts.pipeline[at].tolist(), visits.stage[left].tolist(), status.tolist(), strict=True)
    texts: dict[tuple[int, int, int], str] = {}
    details = [texts.get(cell) or texts.setdefault(cell, _move_details(skeleton, *cell)) for cell in cells]
    return _events(names, facts.ids[at], facts.ids[at], visits.left[left], facts.owner[at], details)


def _move_details(skeleton: Skeleton, pipeline: int, stage: int, status: int) -> str:
    sales = skeleton.pipelines[pipeline]
    if status == OPEN:
        target, name = sales.stages[stage + 1], words.OPEN_STAGES[stage + 1]
    else:
        target, name = (sales.lost, "Lost") if status == LOST else (sales.won, "Won")
    details: dict[str, Any] = {
        "from_stage": words.OPEN_STAGES[stage],
        "to_stage": name,
        "from_stage_id": sales.stages[stage],
        "to_stage_id": target,
    }
    if status == LOST:
        details |= {"reason": words.LOSS_REASONS[0], "note": None}
    return json.dumps(details)


def _planned_events(facts: Facts, due: Ints) -> Block:
    with_step = np.flatnonzero(due)
    text = json.dumps(words.STEP_TEXTS[0])
    details = [f'{{"step_kind": "call", "text": {text}, "due_at": {one}}}' for one in due[with_step].tolist()]
    ids, times, owners = facts.ids[with_step], facts.created[with_step], facts.owner[with_step]
    return _events("next_step.planned", ids, ids, times, owners, details, entity="next_step")


def _activity_events(activities: Block) -> Block:
    deal_ids, times, authors = (np.array(activities.columns[name]) for name in ("deal_id", "at", "author_id"))
    details = [f'{{"activity_kind": "{kind}"}}' for kind in activities.columns["kind"]]
    return _events("activity.added", deal_ids, deal_ids, times, authors, details, entity="activity")


def _events(
    kinds: str | list[str], entity_ids: Ints, deal_ids: Ints, times: Ints, actors: Ints, details: list[str],
    *, entity: str = "deal",
) -> Block:  # fmt: skip
    count = len(details)
    return Block(
        "events",
        {
            "at": times.tolist(),
            "kind": [kinds] * count if isinstance(kinds, str) else kinds,
            "entity": [entity] * count,
            "entity_id": entity_ids.tolist(),
            "deal_id": deal_ids.tolist(),
            "actor_id": actors.tolist(),
            "channel": ["ui"] * count,
            "details": details,
        },
    )


def _moments(facts: Facts, mean: float, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return so many instants in the life of each deal, in order: index of the deal, epoch seconds."""
    at = np.repeat(np.arange(len(facts.ids)), rng.poisson(mean, len(facts.ids)))
    end = np.where(facts.closed > 0, facts.closed, facts.now)
    when = facts.created[at] + (rng.random(len(at)) * (end - facts.created)[at]).astype(np.int64)
    order = np.lexsort((when, at))
    return at[order], when[order]


def _picks(among: Sequence[Any], count: int, rng: np.random.Generator) -> list[Any]:
    return [among[at] for at in rng.integers(0, len(among), count).tolist()]
