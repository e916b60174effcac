"""How far generated deals came, in bulk: their histories are straight, so each stay is one stage reached in order.

`tests/bench` holds these rows against those that the program itself works out.
"""

from __future__ import annotations

import numpy as np

from bench.facts import LOST, OPEN, WON, Block, Facts, Ints, Visits
from bench.skeleton import Skeleton
from crm.models import ReachOutcome

_OUTCOMES = {OPEN: ReachOutcome.OPEN, WON: ReachOutcome.PASSED, LOST: ReachOutcome.LOST}


def reach_block(skeleton: Skeleton, facts: Facts, visits: Visits, visit_stages: Ints) -> Block:
    """Return the stages that a chunk's deals reached; `visit_stages` are the ids of the stages of their visits."""
    is_won, pipelines = facts.status == WON, np.array([one.id for one in skeleton.pipelines])
    won_stages = np.array([one.won for one in skeleton.pipelines])[facts.pipeline[is_won]]
    at = np.concatenate([visits.at, np.flatnonzero(is_won)])
    ended = facts.closed[is_won]
    came = np.concatenate([visits.entered, ended])
    of_last = np.array([_OUTCOMES[status].value for status in sorted(_OUTCOMES)])[facts.status[visits.at]]
    outcome = np.where(visits.is_last, of_last, ReachOutcome.PASSED.value)
    outcome = np.concatenate([outcome, np.full(len(ended), ReachOutcome.PASSED.value)])
    decided = np.concatenate([visits.left, ended])
    owners = facts.owner[at].tolist()
    return Block(
        "stage_reaches",
        {
            "deal_id": facts.ids[at].tolist(),
            "stage_id": np.concatenate([visit_stages, won_stages]).tolist(),
            "pipeline_id": pipelines[facts.pipeline[at]].tolist(),
            "began_at": facts.created[at].tolist(),
            "reached_at": came.tolist(),
            "entered_at": came.tolist(),
            "owner_id": owners,
            "outcome": outcome.tolist(),
            "decided_at": [moment or None for moment in decided.tolist()],
            "credited_to": owners,
            "in_order": [1] * len(at),
        },
    )
