"""What two deals say about being one purchase: the same client, near in time, about the same goods."""

from __future__ import annotations

from datetime import UTC, datetime
from math import log2

from crm.matching.normalise.evidence import Evidence
from crm.matching.scoring.context import Context
from crm.matching.values import MatchLine

Lines = list[MatchLine] | None
_MINUTES_A_DAY = 1440
# Days between two leads of one purchase, and the log2 odds that they are one when the client is the same.
_BY_DAYS = ((3, 4.0), (7, 3.0), (14, -1.0), (30, -3.0), (90, -6.0))
# The same where people opened both deals under one client's card: clients buy again, and mostly it was meant so.
_KNOWN_BY_DAYS = ((1, 4.0), (3, 2.5), (7, 0.5), (14, -3.0), (30, -5.0), (90, -8.0))
_BOUGHT_AGAIN = 3  # days after which the same goods are bought anew rather than written twice
_LONG_AFTER = -9.0
_CERTAIN, _IMPOSSIBLE = 20.0, -40.0


def weigh_purchase(context: Context, left: Evidence, right: Evidence, client: float, lines: Lines) -> float:
    """Return the whole weight: one purchase needs one client and one occasion, each as likely as it is."""
    is_known = not set(left.client_keys).isdisjoint(right.client_keys)
    if is_known and client < _CERTAIN:
        if lines is not None:
            lines.append(MatchLine("client_equal", _CERTAIN - client))
        client = _CERTAIN
    occasion = _time(left, right, is_known, lines)
    occasion += (_known_goods if is_known else _goods)(context, left, right, lines)
    weight = _both(max(min(client, 60.0), _IMPOSSIBLE), max(occasion, _IMPOSSIBLE))
    if lines is not None:
        lines.append(MatchLine("client_and_occasion", weight - client - occasion))
    return weight


def _both(one: float, other: float) -> float:
    return -log2((1.0 + 2.0**-one) * (1.0 + 2.0**-other) - 1.0)


def _time(left: Evidence, right: Evidence, is_known: bool, lines: Lines) -> float:
    if not left.created or not right.created:
        return 0.0
    days = abs(left.created - right.created) / _MINUTES_A_DAY
    weight = next((found for limit, found in (_KNOWN_BY_DAYS if is_known else _BY_DAYS) if days <= limit), _LONG_AFTER)
    if lines is not None:
        lines.append(
            MatchLine("time_near" if weight > 0 else "time_apart", weight, _day(left.created), _day(right.created))
        )
    return weight


def _goods(context: Context, left: Evidence, right: Evidence, lines: Lines) -> float:
    if not left.goods or not right.goods:
        return 0.0
    shared = [word for word in left.goods if word in right.goods]
    code = "goods_equal" if shared else "goods_differ"
    weight = context.weights[code]
    if lines is not None:
        lines.append(MatchLine(code, weight, " ".join(left.goods), " ".join(right.goods)))
    return weight


def _known_goods(context: Context, left: Evidence, right: Evidence, lines: Lines) -> float:
    """Return what titles say under one client's card: other goods, or another amount, are another purchase."""
    if not left.goods or not right.goods:
        return 0.0
    shared = sum(word in right.goods for word in left.goods)
    is_again = abs(left.created - right.created) > _BOUGHT_AGAIN * _MINUTES_A_DAY
    code, weight = "goods_equal", context.weights["known_goods_equal"]
    if is_again:
        code, weight = "goods_again", context.weights["known_goods_again"]
    if shared * 2 <= min(len(left.goods), len(right.goods)):
        code, weight = "goods_differ", context.weights["known_goods_differ"]
    if lines is not None:
        lines.append(MatchLine(code, weight, " ".join(left.goods), " ".join(right.goods)))
    if code != "goods_differ" and left.numbers and right.numbers and left.numbers != right.numbers:
        weight += context.weights["known_numbers_differ"]
        if lines is not None:
            lines.append(
                MatchLine("amounts_differ", context.weights["known_numbers_differ"], " ".join(left.numbers),
                          " ".join(right.numbers))
            )  # fmt: skip
    return weight


def _day(minutes: int) -> str:
    return datetime.fromtimestamp(minutes * 60, UTC).date().isoformat()
