"""The one scorer of hints, intake, import, batch, command line and API."""

from __future__ import annotations

from crm.matching.model import MatchModel
from crm.matching.normalise.evidence import Evidence
from crm.matching.scoring.companies import company_guards, weigh_company
from crm.matching.scoring.contact_points import (
    of_several_owners,
    personal_in_common,
    shared_in_common,
    weigh_contact_points,
    weigh_name_in_mailbox,
)
from crm.matching.scoring.context import Context
from crm.matching.scoring.deals import weigh_purchase
from crm.matching.scoring.names import given_differ, weigh_names
from crm.matching.scoring.organisations import inns_differ, weigh_organisation
from crm.matching.scoring.places import weigh_identity, weigh_place
from crm.matching.statistics import Statistics
from crm.matching.values import Match, MatchLine
from crm.models.codes import EntityType

_DECIMALS = 6


class Scorer:
    """Weighs two records by one model over one base's statistics."""

    def __init__(self, model: MatchModel, statistics: Statistics) -> None:
        self._model = model
        self._context = Context(model, statistics)
        self._prior = model.prior - self._context.log_count

    @property
    def context(self) -> Context:
        """Return the weights and the data behind them."""
        return self._context

    def weigh(self, left: Evidence, right: Evidence) -> float:
        """Return the weight alone: the fast path of batch; the same number as `score` gives."""
        return round(self._weight(left, right, None), _DECIMALS)

    def score(self, left: Evidence, right: Evidence) -> Match:
        """Return the weight with every line of the waterfall and what forbids an automatic merge."""
        lines = [MatchLine("prior", self._prior)]
        weight = round(self._weight(left, right, lines), _DECIMALS)
        return Match(weight, self._model.probability(weight), tuple(lines), self.guards(left, right))

    def guards(self, left: Evidence, right: Evidence) -> tuple[str, ...]:
        """Return the codes that forbid an automatic merge of two records whatever their weight."""
        context, found = self._context, []
        if self._model.entity_type is EntityType.COMPANY:
            found += company_guards(context, left, right)
        elif given_differ(context, left, right):
            found.append("given_names_differ")
        if inns_differ(left, right):
            found.append("inns_differ")
        if of_several_owners(context, left, right):
            found.append("identifier_shared")
        elif not personal_in_common(context, left, right):
            if shared_in_common(context, left, right):
                found.append("identifier_shared")
            if left.stopped and right.stopped:
                found += sorted({reason for kind, value, reason in left.stopped
                                 if any((kind, value) == other[:2] for other in right.stopped)})  # fmt: skip
        return tuple(found)

    def _weight(self, left: Evidence, right: Evidence, lines: list[MatchLine] | None) -> float:
        if self._model.entity_type is EntityType.COMPANY:
            return self._company_weight(left, right, lines)
        weight = self._person_weight(left, right, lines)
        if self._model.entity_type is EntityType.DEAL:
            return weigh_purchase(self._context, left, right, weight, lines)
        return weight

    def _person_weight(self, left: Evidence, right: Evidence, lines: list[MatchLine] | None) -> float:
        context = self._context
        contact_points = weigh_contact_points(context, left, right, lines)
        names = weigh_names(context, left, right, lines)
        organisation = weigh_organisation(context, left, right, lines)
        weight = (
            self._prior
            + contact_points
            + names
            + organisation
            + weigh_name_in_mailbox(context, left, right, lines)
            + weigh_place(context, left, right, lines)
            + weigh_identity(context, left, right, lines)
        )
        if names > 0.0 and contact_points <= 0.0 and organisation <= 0.0 and _has_address(left) and _has_address(right):
            weight += context.weights["only_names"]
            if lines is not None:
                lines.append(MatchLine("only_names", context.weights["only_names"]))
        return weight

    def _company_weight(self, left: Evidence, right: Evidence, lines: list[MatchLine] | None) -> float:
        context = self._context
        return self._prior + weigh_company(context, left, right, lines) + weigh_place(context, left, right, lines)


def _has_address(evidence: Evidence) -> bool:
    return bool(evidence.mobiles or evidence.mailboxes or evidence.landlines)
