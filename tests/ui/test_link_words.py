"""Links in plain sentences."""

from __future__ import annotations

from dataclasses import replace

from crm.clock import utc_now
from crm.models import FieldType, LinkKind, LinkOwner, LinkTrigger
from crm.pipelines.link_values import ConditionOp, LinkCondition, LinkInfo, LinkPlan
from crm.pipelines.values import FieldInfo, Option
from crm.ui.link_words import link_details, link_sentence

PLAN = LinkPlan(1, LinkTrigger.WON, 2)
LINK = LinkInfo(1, 1, PLAN, "First sales", None, "Active base", None, None, utc_now())
REGION = FieldInfo(7, "Region", FieldType.CHOICE, (Option("n", "North"),), None, is_active=True)
NAMES = {"loss_reason": {4: "Price"}, "team": {5: "Team 1"}}


def test_a_link_is_told_by_what_sets_it_off_and_what_it_creates() -> None:
    assert link_sentence(LINK) == "Won in “First sales” → **new deal in “Active base”**, first stage"
    lost = replace(LINK, plan=replace(PLAN, trigger=LinkTrigger.LOST), to_stage="Asked")
    assert link_sentence(lost) == "Lost in “First sales” → **new deal in “Active base”**, Asked"
    stage = replace(LINK, plan=replace(PLAN, trigger=LinkTrigger.STAGE, from_stage_id=3), from_stage="Offer sent")
    assert link_sentence(stage).startswith("Comes to “Offer sent” in “First sales” →")


def test_names_never_become_markdown() -> None:
    odd = replace(LINK, from_pipeline="**A** <b>", to_pipeline="[x](y)", to_stage="`c`")
    told = link_sentence(odd)
    assert "\\*\\*A\\*\\*" in told
    assert "\\[x\\]" in told
    assert "\\`c\\`" in told


def test_details_tell_owner_time_conditions_and_brakes() -> None:
    assert link_details(LINK, {}, NAMES) == "continuation · the same owner · at once"
    conditions = (
        LinkCondition("amount", ConditionOp.AT_LEAST, 5_000_050),
        LinkCondition("priority", ConditionOp.IS_ONE_OF, ("hot", "warm")),
        LinkCondition("loss_reason", ConditionOp.IS_ONE_OF, (4,)),
        LinkCondition("team", ConditionOp.IS_ONE_OF, (5,)),
        LinkCondition("field:7", ConditionOp.IS_ONE_OF, ("n",)),
        LinkCondition("company", ConditionOp.FILLED),
    )
    full = replace(
        PLAN, kind=LinkKind.REFUSAL_WORK, owner_rule=LinkOwner.USER, owner_id=3, delay_seconds=90 * 86400,
        conditions=conditions, cooldown_seconds=86400, max_rounds=2, skip_if_open=True,
    )  # fmt: skip
    assert link_details(replace(LINK, plan=full, owner_name="Boris"), {"field:7": REGION}, NAMES) == (
        "work with refusals · owner: Boris · after 90 d · if amount at least 50,000.50; priority is one of “Hot”, "
        "“Warm”; reason of loss is one of “Price”; team is one of “Team 1”; region is one of “North”; "
        "company is filled · pause between rounds 1 d · 2 rounds at most · not while the client has an open deal"
    )
