"""The matrix: every command and read that takes an actor, which roles may call it, and whose records it touches."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics import choices as choices_of_scope
from crm.analytics import listing as behind_numbers
from crm.analytics import targets, views
from crm.analytics.charts.conversion import CHART as CONVERSION
from crm.analytics.scope import whole_scope
from crm.analytics.survival import curves
from crm.analytics.values import Ask, Chart
from crm.auth import account, api_keys, audit, jobs, people, sessions, setup, sign_in, teams, users, workspace
from crm.auth.actors import DEFAULT_VISIBILITY, system_actor
from crm.auth.exports import note_export
from crm.clock import utc_now
from crm.contacts import adding, choices, lists, own_identifiers, points, reads, records, search
from crm.contacts import commands as client_commands
from crm.contacts.fields import CompanyFields, ContactFields
from crm.deals import (
    activities,
    board,
    chain,
    creation,
    due_links,
    exceptions,
    invariants,
    link_runs,
    lint_deals,
    lint_fixes,
    lint_previews,
    listing,
    moves,
    my_day,
    next_steps,
    objections,
    removal,
    retiring,
    retracing,
    splitting,
    step_lists,
    step_plans,
    timeline,
)  # fmt: skip
from crm.deals import commands as deal_commands
from crm.deals import reads as deal_reads
from crm.deals.retracing import retrace_progress
from crm.deals.values import DealChanges, LossAnswer, StepDone, StepPlan
from crm.duplicates import (
    bulk,
    clusters,
    hints,
    matching_invariants,
    merge_history,
    merge_plan,
    merging,
    pair_card,
    pair_decisions,
    pairs,
    scan_status,
    scanning,
    twins,
    undo,
    undo_plan,
    wrong_fields,
)  # fmt: skip
from crm.duplicates.pair_values import QueueFilter
from crm.jobs import request_job
from crm.matching.values import RawRecord
from crm.models import (
    ActivityKind,
    Deal,
    DealRemoval,
    DealStatus,
    EntityType,
    FieldType,
    JobKind,
    LinkTrigger,
    LintAcceptance,
    LintOccasion,
    MatchPair,
    Merge,
    MergeBatch,
    MergeBatchStatus,
    NextStep,
    ObjectionOutcome,
    PairState,
    Pipeline,
    PointKind,
    Role,
    RuleOverride,
    StageVisit,
    StepKind,
    StepResult,
    Target,
    TargetMetric,
    VisitOutcome,
    Workspace,
)
from crm.pipelines import commands as pipeline_commands
from crm.pipelines import descriptions, fields, flow_map, links, rules, templates
from crm.pipelines.link_values import LinkPlan
from crm.pipelines.linter import acceptance, limits, standing
from crm.pipelines.linter import runs as lint_runs
from crm.pipelines.linter.facts import load_facts
from crm.pipelines.linter.values import Behind, Door, RetireStage
from crm.pipelines.reads import load_pipeline
from tests.roles.scene import NOWHERE, PASSWORD, Belongings, Scene

Do = Callable[[Session, Actor, Scene, Belongings], Any]
ALL = frozenset(Role)
HEADS = frozenset({Role.HEAD, Role.ADMIN})
ADMINS = frozenset({Role.ADMIN})

# Whose records a role finds as installed: own, a team-mate's, of other teams.
SIGHT: dict[Role, frozenset[str]] = {
    Role.MANAGER: frozenset({"own"}),
    Role.HEAD: frozenset({"own", "mate"}),
    Role.ADMIN: frozenset({"own", "mate", "other"}),
}
# Accounts, sessions and keys are a person's own; only an administrator looks after others'.
PERSONAL: dict[Role, frozenset[str]] = {
    Role.MANAGER: frozenset({"own"}),
    Role.HEAD: frozenset({"own"}),
    Role.ADMIN: frozenset({"own", "mate", "other"}),
}
# What nobody else has to do with.
OWN: dict[Role, frozenset[str]] = dict.fromkeys(Role, frozenset({"own"}))


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the matrix.

    `sight` is None for what touches nobody's record; `lists` tells that `do` returns the names of owners seen;
    `prepare` makes room for a command that is refused once it has been done.
    """

    do: Do
    roles: frozenset[Role] = ALL
    sight: dict[Role, frozenset[str]] | None = None
    lists: bool = False
    prepare: Callable[[Session], Any] | None = None


def office(roles: frozenset[Role], do: Do, prepare: Callable[[Session], Any] | None = None) -> Row:
    """Return the row of what touches nobody's record."""
    return Row(do, roles, prepare=prepare)


def of_owner(do: Do, roles: frozenset[Role] = ALL) -> Row:
    """Return the row of what touches a record that has an owner."""
    return Row(do, roles, SIGHT)


def personal(do: Do) -> Row:
    """Return the row of what touches a person's own account."""
    return Row(do, ALL, PERSONAL)


def listing_of(do: Do, roles: frozenset[Role] = ALL) -> Row:
    """Return the row of a list: `do` returns the names of those whose records are in it."""
    return Row(do, roles, SIGHT, lists=True)


def plan() -> StepPlan:
    """Return a good next step."""
    return StepPlan(StepKind.CALL, utc_now() + timedelta(days=2), "Call again")


def remove_every_deal(session: Session) -> None:
    """Leave every deal as its removal would."""
    now = utc_now()
    session.execute(update(NextStep).values(done_at=now))
    session.execute(update(StageVisit).values(left_at=now, outcome=VisitOutcome.REMOVED))
    session.execute(update(Deal).values(status=DealStatus.REMOVED, next_due_at=None))
    session.add_all(DealRemoval(deal_id=one, reason=REASON, at=now) for one in session.scalars(select(Deal.id)))
    session.flush()
    session.expire_all()


def pass_a_rule_everywhere(session: Session) -> None:
    """Let every owner have passed a rule with the own deal."""
    query = select(Deal.id, Deal.owner_id, StageVisit.id, Deal.stage_id).join(StageVisit, StageVisit.deal_id == Deal.id)
    session.add_all(
        RuleOverride(
            deal_id=deal_id, visit_id=visit_id, from_stage_id=stage_id, to_stage_id=stage_id,
            rules=["back_not_allowed"], reason=REASON, actor_id=owner_id, at=utc_now(),
        )
        for deal_id, owner_id, visit_id, stage_id in session.execute(query).all()
    )  # fmt: skip
    session.flush()


def company_values() -> workspace.WorkspaceValues:
    """Return good settings of the company."""
    return workspace.WorkspaceValues("Metal trade", "ru", "RUB", "Europe/Moscow", "RU")


def no_workspace(session: Session) -> None:
    """Take the company away, as before the set-up."""
    session.execute(delete(Workspace))
    session.expire_all()


def owners_by(scene: Scene, kind: str, ids: Iterable[int | None]) -> set[str]:
    """Return whose records of a kind these are."""
    names = {getattr(owned, kind): name for name, owned in scene.belongings.items()}
    return {names[one] for one in ids if one in names}


def came(session: Session, scene: Scene) -> tuple[Chart, Ask, dict[str, Any], str]:
    """Return the number of deals that came to the first stage, as what opens it."""
    ask = Ask(replace(whole_scope(session), pipeline_ids=(scene.pipeline.id,)))
    return CONVERSION, ask, {"stage_id": stage(scene, 0)}, "came"


def ids_of(deals: Iterable[behind_numbers.ListedDeal]) -> list[int]:
    """Return the ids of listed deals."""
    return [one.id for one in deals]


def stage(scene: Scene, number: int) -> int:
    """Return an open stage of the scene's pipeline."""
    return scene.pipeline.stages[number]


def losing(scene: Scene) -> moves.Move:
    """Return a good move to lost."""
    return moves.Move(0, loss=LossAnswer(scene.pipeline.reasons[0]))


def accept_few_stages(session: Session) -> None:
    """Have the finding about too few stages accepted in every pipeline."""
    session.add_all(
        LintAcceptance(pipeline_id=one, code="L01", subject="", reason=REASON, at=utc_now())
        for one in session.scalars(select(Pipeline.id))
    )
    session.flush()


def win(session: Session, actor: Actor, scene: Scene, own: Belongings) -> None:
    """Move a deal to its last stage and win it; a hidden one is refused by `win_deal` itself."""
    for number in (1, 2, 3) if actor.sees_owner(own.user) else ():
        moves.move_deal(session, actor, deal_id=own.deal, move=moves.Move(stage(scene, number)))
    moves.win_deal(session, actor, deal_id=own.deal, move=moves.Move(0))


def other_link(session: Session, scene: Scene) -> LinkPlan:
    """Return a good link that isn't there yet."""
    return dataclasses.replace(links.load_link(session, scene.link).plan, trigger=LinkTrigger.WON)


def journal_owners(session: Session, actor: Actor, scene: Scene) -> set[str]:
    """Return whose deals' notes the journal shows; every deal has had one."""
    page = audit.load_journal(session, actor, audit.JournalFilter(kinds=frozenset({"activity.added"})), limit=100)
    return owners_by(scene, "deal", (row.deal_id for row in page.rows))


def merge_people(session: Session, actor: Actor, own: Belongings) -> int:
    """Put an owner's one contact into the other."""
    return merging.merge_records(
        session, actor, entity_type=EntityType.CONTACT, survivor_id=own.contact, merged_id=own.seller
    )


def after_merges(row: Row) -> Row:
    """Return a row that is tried after everybody's contacts were merged."""
    return dataclasses.replace(row, prepare=merge_everybody)


def merge_everybody(session: Session) -> None:
    """Put everybody's one contact into the other, as a bulk merge that is over."""
    batch = _batch(session, MergeBatchStatus.DONE)
    for pair in session.scalars(select(MatchPair).order_by(MatchPair.id)).all():
        ids = {"survivor_id": pair.left_id, "merged_id": pair.right_id}
        merging.merge_records(session, system_actor(), entity_type=EntityType.CONTACT, batch_id=batch, **ids)


def merge_of(session: Session, own: Belongings) -> int:
    """Return the merge of an owner's two contacts."""
    return session.scalar(select(Merge.id).where(Merge.survivor_id == own.contact)) or NOWHERE


def owners_of_merges(session: Session, actor: Actor, scene: Scene) -> set[str]:
    """Return whose merges the history shows."""
    return owners_by(scene, "contact", (one.survivor_id for one in merge_history.list_merges(session, actor)))


def wait_for_a_bulk_merge(session: Session) -> None:
    """Leave a bulk merge that waits for its work."""
    batch = _batch(session, MergeBatchStatus.RUNNING)
    request_job(session, system_actor(), JobKind.MERGE_BATCH, unique_key=bulk.job_key(batch))


def newest_batch(session: Session) -> int:
    """Return the newest bulk merge."""
    return session.scalar(select(MergeBatch.id).order_by(MergeBatch.id.desc()).limit(1)) or NOWHERE


def _batch(session: Session, status: MergeBatchStatus) -> int:
    values = {"entity_type": EntityType.CONTACT, "least_weight": 9.0, "planned": 1, "created_at": utc_now()}
    batch = MergeBatch(status=status, **values)
    session.add(batch)
    session.flush()
    return batch.id


OBJECTION = objections.ObjectionPlan("Delivery is slow")
STAGE_PLAN = pipeline_commands.StagePlan("Terms agreed")
DONE = StepDone(StepResult.DONE)
REASON = "Entered twice by one manager"

PIPELINES: dict[Callable[..., Any], Row] = {
    pipeline_commands.create_pipeline: office(
        ADMINS, lambda s, a, _sc, _o: pipeline_commands.create_pipeline(s, a, name="Cold", stages=[STAGE_PLAN])
    ),
    pipeline_commands.edit_pipeline: office(
        ADMINS,
        lambda s, a, sc, _o: pipeline_commands.edit_pipeline(
            s, a, pipeline_id=sc.pipeline.id, expected_version=1, name="Cold", is_archived=True
        ),
    ),
    pipeline_commands.add_stage: office(
        ADMINS,
        lambda s, a, sc, _o: pipeline_commands.add_stage(
            s, a, pipeline_id=sc.pipeline.id, expected_version=1, plan=STAGE_PLAN
        ),
    ),
    pipeline_commands.edit_stage: office(
        ADMINS,
        lambda s, a, sc, _o: pipeline_commands.edit_stage(
            s, a, stage_id=stage(sc, 0), expected_version=1, plan=STAGE_PLAN
        ),
    ),
    pipeline_commands.reorder_stages: office(
        ADMINS,
        lambda s, a, sc, _o: pipeline_commands.reorder_stages(
            s, a, pipeline_id=sc.pipeline.id, expected_version=1, stage_ids=sc.pipeline.stages[::-1]
        ),
    ),
    retiring.retire_stage: office(
        ADMINS,
        lambda s, a, sc, _o: retiring.retire_stage(
            s, a, stage_id=stage(sc, 0), expected_version=1, target_stage_id=stage(sc, 1)
        ),
    ),
    fields.create_field: office(
        ADMINS, lambda s, a, _sc, _o: fields.create_field(s, a, name="Weight", field_type=FieldType.NUMBER)
    ),
    fields.edit_field: office(ADMINS, lambda s, a, sc, _o: fields.edit_field(s, a, field_id=sc.field, name="Weight")),
    fields.add_loss_reason: office(
        ADMINS,
        lambda s, a, sc, _o: fields.add_loss_reason(
            s, a, pipeline_id=sc.pipeline.id, plan=fields.ReasonPlan("Too far")
        ),
    ),
    fields.edit_loss_reason: office(
        ADMINS,
        lambda s, a, sc, _o: fields.edit_loss_reason(
            s, a, reason_id=sc.pipeline.reasons[0], plan=fields.ReasonPlan("Too dear")
        ),
    ),
    links.create_link: office(ADMINS, lambda s, a, sc, _o: links.create_link(s, a, plan=other_link(s, sc))),
    links.edit_link: office(
        ADMINS,
        lambda s, a, sc, _o: links.edit_link(
            s, a, link_id=sc.link, expected_version=1, plan=links.load_link(s, sc.link).plan
        ),
    ),
    links.switch_link_off: office(
        ADMINS, lambda s, a, sc, _o: links.switch_link_off(s, a, link_id=sc.link, expected_version=1)
    ),
    links.delete_link: office(
        ADMINS, lambda s, a, sc, _o: links.delete_link(s, a, link_id=sc.spare_link, expected_version=1)
    ),
    flow_map.load_map: office(ALL, lambda s, a, _sc, _o: flow_map.load_map(s, a)),
    link_runs.last_firings: office(ADMINS, lambda s, a, sc, _o: link_runs.last_firings(s, a, sc.link)),
    link_runs.firing_counts: office(ADMINS, lambda s, a, _sc, _o: link_runs.firing_counts(s, a)),
    due_links.due_run_ids: office(ADMINS, lambda s, a, _sc, _o: due_links.due_run_ids(s, a, now=utc_now(), limit=9)),
    due_links.perform_run: office(ADMINS, lambda s, a, _sc, _o: due_links.perform_run(s, a, run_id=0, now=utc_now())),
    rules.edit_rules: office(
        ADMINS,
        lambda s, a, sc, _o: rules.edit_rules(
            s, a, pipeline_id=sc.pipeline.id, expected_version=1, rules=rules.PipelineRules(forward_only=False)
        ),
    ),
    rules.set_transitions: office(
        ADMINS,
        lambda s, a, sc, _o: rules.set_transitions(
            s,
            a,
            pipeline_id=sc.pipeline.id,
            expected_version=1,
            role=Role.HEAD,
            exceptions={(stage(sc, 1), stage(sc, 0)): True},
        ),
    ),
    templates.create_from_template: office(
        ADMINS, lambda s, a, _sc, _o: templates.create_from_template(s, a, template="simple", language="ru")
    ),
    descriptions.create_from_description: office(
        ADMINS,
        lambda s, a, _sc, _o: descriptions.create_from_description(
            s, a, description=descriptions.description_from_names("Paid", name="Pasted"), language="en"
        ),
    ),
}

DEALS: dict[Callable[..., Any], Row] = {
    deal_commands.create_deal: office(
        ALL,
        lambda s, a, sc, _o: deal_commands.create_deal(
            s, a, deal_commands.NewDeal(sc.pipeline.id, DealChanges(title="Pipes"), plan())
        ),
    ),
    creation.creation_violations: office(
        ALL, lambda s, a, sc, _o: creation.creation_violations(s, a, load_pipeline(s, sc.pipeline.id), None)
    ),
    deal_commands.edit_deal: of_owner(
        lambda s, a, _sc, o: deal_commands.edit_deal(
            s, a, deal_id=o.deal, expected_version=1, changes=DealChanges(title="Pipes")
        )
    ),
    deal_commands.reassign_deal: of_owner(
        lambda s, a, _sc, o: deal_commands.reassign_deal(
            s, a, deal_id=o.deal, expected_version=1, owner_id=a.user_id or 0
        ),
        HEADS,
    ),
    moves.move_deal: of_owner(lambda s, a, sc, o: moves.move_deal(s, a, deal_id=o.deal, move=moves.Move(stage(sc, 1)))),
    moves.lose_deal: of_owner(lambda s, a, sc, o: moves.lose_deal(s, a, deal_id=o.deal, move=losing(sc))),
    moves.win_deal: of_owner(win),
    moves.check_deal_move: of_owner(
        lambda s, a, sc, o: moves.check_deal_move(s, a, deal_id=o.deal, to_stage_id=stage(sc, 1))
    ),
    removal.remove_deal: of_owner(
        lambda s, a, _sc, o: removal.remove_deal(s, a, deal_id=o.deal, expected_version=1, reason=REASON), ADMINS
    ),
    removal.restore_deal: Row(
        lambda s, a, _sc, o: removal.restore_deal(s, a, deal_id=o.deal, step=plan()),
        ADMINS,
        SIGHT,
        prepare=remove_every_deal,
    ),
    exceptions.list_removals: Row(
        lambda s, a, sc, _o: owners_by(
            sc, "deal", (one.deal_id for one in exceptions.list_removals(s, a, exceptions.ExceptionFilter()))
        ),
        HEADS,
        SIGHT,
        lists=True,
        prepare=remove_every_deal,
    ),
    exceptions.list_overrides: Row(
        lambda s, a, sc, _o: owners_by(
            sc, "deal", (one.deal_id for one in exceptions.list_overrides(s, a, exceptions.ExceptionFilter()))
        ),
        HEADS,
        SIGHT,
        lists=True,
        prepare=pass_a_rule_everywhere,
    ),
    exceptions.count_overrides: Row(
        lambda s, a, sc, _o: owners_by(
            sc,
            "user",
            (one for one, _name, _count in exceptions.count_overrides(s, a, exceptions.ExceptionFilter()).by_person),
        ),
        HEADS,
        SIGHT,
        lists=True,
        prepare=pass_a_rule_everywhere,
    ),
    activities.add_activity: of_owner(
        lambda s, a, _sc, o: activities.add_activity(s, a, deal_id=o.deal, kind=ActivityKind.NOTE, text="Called")
    ),
    objections.record_objection: of_owner(
        lambda s, a, _sc, o: objections.record_objection(s, a, deal_id=o.deal, plan=OBJECTION)
    ),
    objections.edit_objection: of_owner(
        lambda s, a, _sc, o: objections.edit_objection(
            s, a, objection_id=o.objection, expected_version=1, plan=OBJECTION
        )
    ),
    objections.settle_objection: of_owner(
        lambda s, a, _sc, o: objections.settle_objection(
            s, a, objection_id=o.objection, expected_version=1, outcome=ObjectionOutcome.OVERCOME
        )
    ),
    objections.load_objection: of_owner(lambda s, a, _sc, o: objections.load_objection(s, a, o.objection)),
    objections.load_objections: of_owner(lambda s, a, _sc, o: objections.load_objections(s, a, o.deal)),
    next_steps.plan_next_step: of_owner(
        lambda s, a, _sc, o: next_steps.plan_next_step(s, a, deal_id=o.deal, plan=plan())
    ),
    step_plans.plan_steps: listing_of(
        lambda s, a, sc, _o: owners_by(
            sc,
            "deal",
            step_plans.plan_steps(s, a, deal_ids=[one.deal for one in sc.belongings.values()], plan=plan()).deal_ids,
        ),
    ),
    next_steps.complete_next_step: of_owner(
        lambda s, a, _sc, o: next_steps.complete_next_step(s, a, step_id=o.step, done=DONE, following=plan())
    ),
    next_steps.postpone_next_step: of_owner(
        lambda s, a, _sc, o: next_steps.postpone_next_step(s, a, step_id=o.step, due_at=plan().due_at)
    ),
    chain.load_chain: of_owner(lambda s, a, _sc, o: chain.load_chain(s, a, o.deal)),
    chain.chain_roots: listing_of(
        lambda s, a, sc, _o: owners_by(
            sc, "deal", chain.chain_roots(s, a, [owned.deal for owned in sc.belongings.values()])
        )
    ),
    link_runs.postpone_link_run: of_owner(
        lambda s, a, _sc, o: link_runs.postpone_link_run(s, a, run_id=o.link_run, due_at=plan().due_at)
    ),
    link_runs.cancel_link_run: of_owner(lambda s, a, _sc, o: link_runs.cancel_link_run(s, a, run_id=o.link_run)),
    link_runs.waiting_runs: listing_of(
        lambda s, a, sc, _o: {name for name, owned in sc.belongings.items() if link_runs.waiting_runs(s, a, owned.deal)}
    ),
    invariants.broken_invariants: office(ADMINS, lambda s, a, _sc, _o: invariants.broken_invariants(s, a)),
    retracing.stale_paths: office(ADMINS, lambda s, a, _sc, _o: retracing.stale_paths(s, a)),
    deal_reads.load_deal: of_owner(lambda s, a, _sc, o: deal_reads.load_deal(s, a, o.deal)),
    deal_reads.other_deals: of_owner(
        lambda s, a, _sc, o: deal_reads.other_deals(s, a, deal_reads.load_deal(s, a, o.deal))
    ),
    listing.load_deal_record: of_owner(lambda s, a, _sc, o: listing.load_deal_record(s, a, o.deal)),
    step_lists.load_step: of_owner(lambda s, a, _sc, o: step_lists.load_step(s, a, o.step)),
    timeline.load_timeline: of_owner(lambda s, a, _sc, o: timeline.load_timeline(s, a, o.deal)),
    listing.list_deals: listing_of(
        lambda s, a, sc, _o: owners_by(sc, "deal", (one.id for one in listing.list_deals(s, a, listing.DealFilter())))
    ),
    step_lists.list_open_steps: listing_of(
        lambda s, a, sc, _o: owners_by(
            sc, "step", (one.id for one in step_lists.list_open_steps(s, a, step_lists.StepFilter()))
        )
    ),
    board.load_board: listing_of(
        lambda s, a, sc, _o: owners_by(
            sc,
            "deal",
            (
                card.id
                for column in board.load_board(s, a, board.BoardFilter(sc.pipeline.id)).columns
                for card in column.cards
            ),
        )
    ),
    board.board_sources: listing_of(lambda s, a, sc, _o: set(board.board_sources(s, a, sc.pipeline.id))),
    my_day.load_my_day: listing_of(
        lambda s, a, sc, _o: {
            name
            for name, owned in sc.belongings.items()
            if my_day.load_my_day(s, a, owner_id=owned.user).later_count
            + my_day.load_my_day(s, a, owner_id=owned.user).today_count
        }
    ),
}

CLIENTS: dict[Callable[..., Any], Row] = {
    client_commands.create_company: office(
        ALL, lambda s, a, _sc, _o: client_commands.create_company(s, a, name="Sever LLC")
    ),
    client_commands.create_contact: office(
        ALL, lambda s, a, _sc, _o: client_commands.create_contact(s, a, name="Petr Ivanov")
    ),
    client_commands.edit_company: of_owner(
        lambda s, a, _sc, o: client_commands.edit_company(
            s, a, company_id=o.company, expected_version=1, fields=CompanyFields("Sever LLC")
        )
    ),
    client_commands.edit_contact: of_owner(
        lambda s, a, _sc, o: client_commands.edit_contact(
            s, a, contact_id=o.contact, expected_version=1, fields=ContactFields("Petr Ivanov")
        )
    ),
    client_commands.set_contact_company: of_owner(
        lambda s, a, _sc, o: client_commands.set_contact_company(
            s, a, contact_id=o.contact, expected_version=1, company_id=o.company
        )
    ),
    client_commands.reassign_company: of_owner(
        lambda s, a, _sc, o: client_commands.reassign_company(
            s, a, company_id=o.company, expected_version=1, owner_id=a.user_id or 0
        ),
        HEADS,
    ),
    client_commands.reassign_contact: of_owner(
        lambda s, a, _sc, o: client_commands.reassign_contact(
            s, a, contact_id=o.contact, expected_version=1, owner_id=a.user_id or 0
        ),
        HEADS,
    ),
    points.add_company_point: of_owner(
        lambda s, a, _sc, o: points.add_company_point(
            s, a, company_id=o.company, kind=PointKind.EMAIL, value="mir@example.com"
        )
    ),
    adding.add_to_client: of_owner(
        lambda s, a, _sc, o: adding.add_to_client(
            s, a, client_id=o.contact, typed=ContactFields("Petr", note="Met again"), points=[]
        )
    ),
    points.add_contact_point: of_owner(
        lambda s, a, _sc, o: points.add_contact_point(
            s, a, contact_id=o.contact, kind=PointKind.EMAIL, value="petr@example.com"
        )
    ),
    points.remove_point: of_owner(lambda s, a, _sc, o: points.remove_point(s, a, point_id=o.point)),
    reads.load_company: of_owner(lambda s, a, _sc, o: reads.load_company(s, a, o.company)),
    reads.load_contact: of_owner(lambda s, a, _sc, o: reads.load_contact(s, a, o.contact)),
    records.load_company_record: of_owner(lambda s, a, _sc, o: records.load_company_record(s, a, o.company)),
    records.load_contact_record: of_owner(lambda s, a, _sc, o: records.load_contact_record(s, a, o.contact)),
    records.list_companies: listing_of(
        lambda s, a, sc, _o: owners_by(
            sc, "company", (one.id for one in records.list_companies(s, a, records.CompanyFilter()))
        )
    ),
    records.list_contacts: listing_of(
        lambda s, a, sc, _o: owners_by(
            sc, "contact", (one.id for one in records.list_contacts(s, a, records.ContactFilter()))
        )
    ),
    choices.company_choices: listing_of(
        lambda s, a, sc, _o: owners_by(
            sc, "company", choices.company_choices(s, a, keep=[one.company for one in sc.belongings.values()])
        )
    ),
    choices.contact_choices: listing_of(
        lambda s, a, sc, _o: owners_by(
            sc, "contact", choices.contact_choices(s, a, keep=[one.contact for one in sc.belongings.values()])
        )
    ),
    lists.load_clients: listing_of(
        lambda s, a, sc, _o: owners_by(
            sc, "contact", (row.id for row in lists.load_clients(s, a, kinds=("contact",)).rows)
        )
    ),
    search.search: listing_of(
        lambda s, a, sc, _o: owners_by(sc, "deal", (hit.record_id for hit in search.search(s, a, "metal sheet")))
    ),
    own_identifiers.load_own_identifiers: office(ALL, lambda s, a, _sc, _o: own_identifiers.load_own_identifiers(s, a)),
    own_identifiers.save_own_identifiers: office(
        ADMINS, lambda s, a, _sc, _o: own_identifiers.save_own_identifiers(s, a, typed=["+74957800000", "ours.ru"])
    ),
}

DUPLICATES: dict[Callable[..., Any], Row] = {
    matching_invariants.broken_matching: office(
        ADMINS, lambda s, a, _sc, _o: matching_invariants.broken_matching(s, a)
    ),
    hints.hint: listing_of(
        lambda s, a, sc, _o: owners_by(
            sc,
            "contact",
            (
                found.record_id
                for owned in sc.belongings.values()
                for found in hints.hint(s, a, EntityType.CONTACT, RawRecord(record_id="", phones=(owned.phone,)))
            ),
        )
    ),
    pairs.load_queue: listing_of(
        lambda s, a, sc, _o: owners_by(sc, "pair", (row.id for row in pairs.load_queue(s, a, QueueFilter()).rows)),
        HEADS,
    ),
    pairs.open_pair_counts: office(HEADS, lambda s, a, _sc, _o: pairs.open_pair_counts(s, a)),
    pairs.open_pair_count: office(ALL, lambda s, a, _sc, _o: pairs.open_pair_count(s, a)),
    pair_card.count_deals: office(
        HEADS,
        lambda s, a, _sc, o: pair_card.count_deals(s, a, entity_type=EntityType.CONTACT, record_ids=[o.contact]),
    ),
    pair_card.load_pair: of_owner(lambda s, a, _sc, o: pair_card.load_pair(s, a, o.pair), HEADS),
    pair_decisions.dismiss_pair: of_owner(
        lambda s, a, _sc, o: pair_decisions.dismiss_pair(s, a, pair_id=o.pair, note="Brothers"), HEADS
    ),
    pair_decisions.snooze_pair: of_owner(
        lambda s, a, _sc, o: pair_decisions.snooze_pair(s, a, pair_id=o.pair, until=utc_now() + timedelta(days=1)),
        HEADS,
    ),
    pair_decisions.reopen_pair: dataclasses.replace(
        of_owner(lambda s, a, _sc, o: pair_decisions.reopen_pair(s, a, pair_id=o.pair), HEADS),
        prepare=lambda s: s.execute(update(MatchPair).values(state=PairState.NOT_DUPLICATE)),
    ),
    merge_plan.plan_merge: of_owner(
        lambda s, a, _sc, o: merge_plan.plan_merge(
            s, a, entity_type=EntityType.CONTACT, survivor_id=o.contact, merged_id=o.seller
        ),
        HEADS,
    ),
    merge_plan.better_survivor: of_owner(
        lambda s, a, _sc, o: merge_plan.better_survivor(s, a, EntityType.CONTACT, (o.contact, o.seller)), HEADS
    ),
    merging.merge_records: of_owner(lambda s, a, _sc, o: merge_people(s, a, o), HEADS),
    undo_plan.plan_undo: after_merges(
        of_owner(lambda s, a, _sc, o: undo_plan.plan_undo(s, a, merge_id=merge_of(s, o)), HEADS)
    ),
    undo.undo_merge: after_merges(of_owner(lambda s, a, _sc, o: undo.undo_merge(s, a, merge_id=merge_of(s, o)), HEADS)),
    merge_history.list_merges: after_merges(listing_of(lambda s, a, sc, _o: owners_of_merges(s, a, sc), HEADS)),
    clusters.merge_several: of_owner(
        lambda s, a, _sc, o: clusters.merge_several(
            s, a, entity_type=EntityType.CONTACT, survivor_id=o.contact, merged_ids=[o.seller]
        ),
        HEADS,
    ),
    clusters.part_several: after_merges(
        of_owner(lambda s, a, _sc, o: clusters.part_several(s, a, merge_ids=[merge_of(s, o)]), HEADS)
    ),
    bulk.plan_bulk: office(ADMINS, lambda s, a, _sc, _o: bulk.plan_bulk(s, a, entity_type=EntityType.CONTACT)),
    bulk.start_bulk: office(
        ADMINS,
        lambda s, a, _sc, _o: bulk.start_bulk(s, a, entity_type=EntityType.CONTACT),
        lambda s: s.execute(update(MatchPair).values(is_automatic=True, weight=99.0)),
    ),
    bulk.stop_bulk: office(
        ADMINS, lambda s, a, _sc, _o: bulk.stop_bulk(s, a, batch_id=newest_batch(s)), wait_for_a_bulk_merge
    ),
    bulk.undo_bulk: office(
        ADMINS, lambda s, a, _sc, _o: bulk.undo_bulk(s, a, batch_id=newest_batch(s)), merge_everybody
    ),
    bulk.list_batches: office(ADMINS, lambda s, a, _sc, _o: bulk.list_batches(s, a)),
    scanning.start_scan: office(HEADS, lambda s, a, _sc, _o: scanning.start_scan(s, a)),
    scan_status.load_scan_status: office(HEADS, lambda s, a, _sc, _o: scan_status.load_scan_status(s, a)),
    scan_status.stop_scan: office(HEADS, lambda s, a, _sc, _o: scan_status.stop_scan(s, a)),
    twins.likely_twins: listing_of(
        lambda s, a, sc, _o: {
            name for name, owned in sc.belongings.items() if twins.likely_twins(s, a, EntityType.CONTACT, owned.contact)
        }
    ),
    wrong_fields.list_wrong_fields: listing_of(
        lambda s, a, sc, _o: owners_by(sc, "wrong_field", (row.id for row in wrong_fields.list_wrong_fields(s, a).rows))
    ),
    wrong_fields.move_to_field: of_owner(
        lambda s, a, _sc, o: wrong_fields.move_to_field(s, a, finding_id=o.wrong_field)
    ),
}

ACCOUNTS: dict[Callable[..., Any], Row] = {
    account.change_own_password: office(
        ALL,
        lambda s, a, _sc, _o: account.change_own_password(
            s, a, current=PASSWORD, new="seven dry wagons", keep_session_id=0
        ),
    ),
    account.edit_own_profile: office(
        ALL, lambda s, a, _sc, _o: account.edit_own_profile(s, a, name="New name", language="ru", timezone=None)
    ),
    account.choose_own_language: office(ALL, lambda s, a, _sc, _o: account.choose_own_language(s, a, language="ru")),
    account.confirm_identity: office(
        ALL,
        lambda s, a, _sc, _o: account.confirm_identity(s, a, password=PASSWORD, session_id=0, now=utc_now()),
    ),
    account.create_own_key: office(
        ALL,
        lambda s, a, _sc, _o: account.create_own_key(
            s, a, password=PASSWORD, session_id=0, name="Phone", scopes=["read"], expires_at=None, now=utc_now()
        ),
    ),
    account.is_fresh: office(ALL, lambda s, a, _sc, _o: account.is_fresh(s, a, session_id=0, now=utc_now())),
    account.load_own_profile: office(ALL, lambda s, a, _sc, _o: account.load_own_profile(s, a)),
    sign_in.take_own_attempt: office(ALL, lambda s, a, _sc, _o: sign_in.take_own_attempt(s, a, now=utc_now())),
    sign_in.forgive_own_attempts: office(ALL, lambda s, a, _sc, _o: sign_in.forgive_own_attempts(s, a)),
    api_keys.create_api_key: office(
        ALL,
        lambda s, a, _sc, _o: api_keys.create_api_key(
            s, a, name="Phone", scopes=["read"], expires_at=None, now=utc_now()
        ),
    ),
    api_keys.revoke_api_key: personal(lambda s, a, _sc, o: api_keys.revoke_api_key(s, a, o.key, now=utc_now())),
    api_keys.list_api_keys: personal(lambda s, a, _sc, o: api_keys.list_api_keys(s, a, o.user)),
    sessions.end_session: personal(lambda s, a, _sc, o: sessions.end_session(s, a, o.session)),
    sessions.list_sessions: personal(lambda s, a, _sc, o: sessions.list_sessions(s, a, o.user)),
    sessions.end_other_sessions: office(ALL, lambda s, a, _sc, _o: sessions.end_other_sessions(s, a, keep_id=0)),
    sessions.end_user_sessions: office(ADMINS, lambda s, a, sc, _o: sessions.end_user_sessions(s, a, sc.spare_user)),
    sessions.end_every_session: office(ADMINS, lambda s, a, _sc, _o: sessions.end_every_session(s, a)),
    jobs.load_job: personal(lambda s, a, _sc, o: jobs.load_job(s, a, o.job)),
    jobs.cancel_job: personal(lambda s, a, _sc, o: jobs.cancel_job(s, a, o.job)),
    jobs.recent_jobs: Row(
        lambda s, a, sc, _o: owners_by(sc, "job", (one.id for one in jobs.recent_jobs(s, a))), ALL, PERSONAL, lists=True
    ),
    audit.load_journal: listing_of(lambda s, a, sc, _o: journal_owners(s, a, sc), HEADS),
    people.list_owners: listing_of(lambda s, a, sc, _o: owners_by(sc, "user", people.list_owners(s, a))),
    people.list_people: listing_of(
        lambda s, a, sc, _o: owners_by(sc, "user", (one.id for one in people.list_people(s, a)))
    ),
    people.load_person: of_owner(lambda s, a, _sc, o: people.load_person(s, a, o.user)),
    setup.ensure_workspace: office(
        ADMINS, lambda s, a, _sc, _o: setup.ensure_workspace(s, a, utc_now()), prepare=no_workspace
    ),
    teams.list_teams: office(ADMINS, lambda s, a, _sc, _o: teams.list_teams(s, a)),
    teams.create_team: office(ADMINS, lambda s, a, _sc, _o: teams.create_team(s, a, name="Team 4")),
    teams.rename_team: office(ADMINS, lambda s, a, sc, _o: teams.rename_team(s, a, sc.spare_team, name="Team 4")),
    teams.delete_team: office(ADMINS, lambda s, a, sc, _o: teams.delete_team(s, a, sc.spare_team)),
    users.list_users: office(ADMINS, lambda s, a, _sc, _o: users.list_users(s, a)),
    users.load_user: office(ADMINS, lambda s, a, sc, _o: users.load_user(s, a, sc.spare_user)),
    users.create_user: office(
        ADMINS,
        lambda s, a, _sc, _o: users.create_user(
            s, a, email="new@example.com", name="New", role=Role.MANAGER, team_id=None, now=utc_now()
        ),
    ),
    users.create_invited_user: office(
        ADMINS,
        lambda s, a, _sc, _o: users.create_invited_user(
            s, a, email="new@example.com", name="New", role=Role.MANAGER, team_id=None, now=utc_now()
        ),
    ),
    users.invite_user: office(ADMINS, lambda s, a, sc, _o: users.invite_user(s, a, sc.spare_user, now=utc_now())),
    users.make_reset_link: office(
        ADMINS, lambda s, a, sc, _o: users.make_reset_link(s, a, sc.spare_user, now=utc_now())
    ),
    users.give_first_password: office(
        ADMINS, lambda s, a, sc, _o: users.give_first_password(s, a, sc.spare_user, password="seven dry wagons")
    ),
    users.edit_user: office(
        ADMINS,
        lambda s, a, sc, _o: users.edit_user(
            s, a, sc.spare_user, expected_version=1, email="new@example.com", name="New", team_id=None
        ),
    ),
    users.set_role: office(
        ADMINS, lambda s, a, sc, _o: users.set_role(s, a, sc.spare_user, expected_version=1, role=Role.HEAD)
    ),
    users.deactivate_user: office(
        ADMINS, lambda s, a, sc, _o: users.deactivate_user(s, a, sc.spare_user, expected_version=1, now=utc_now())
    ),
    users.activate_user: office(
        ADMINS, lambda s, a, sc, _o: users.activate_user(s, a, sc.spare_user, expected_version=1)
    ),
    users.delete_user: office(ADMINS, lambda s, a, sc, _o: users.delete_user(s, a, sc.spare_user, expected_version=1)),
    workspace.load_workspace: office(ALL, lambda s, a, _sc, _o: workspace.load_workspace(s, a)),
    workspace.create_workspace: office(
        ADMINS,
        lambda s, a, _sc, _o: workspace.create_workspace(s, a, values=company_values(), now=utc_now()),
        prepare=no_workspace,
    ),
    workspace.edit_workspace: office(
        ADMINS,
        lambda s, a, _sc, _o: workspace.edit_workspace(
            s, a, expected_version=1, values=company_values(), visibility=DEFAULT_VISIBILITY
        ),
    ),
}

LINTER: dict[Callable[..., Any], Row] = {
    lint_runs.load_health: office(ADMINS, lambda s, a, sc, _o: lint_runs.load_health(s, a, sc.pipeline.id)),
    lint_runs.load_score_history: office(
        ADMINS, lambda s, a, sc, _o: lint_runs.load_score_history(s, a, sc.pipeline.id)
    ),
    lint_runs.lint_pipeline: office(
        ADMINS,
        lambda s, a, sc, _o: lint_runs.lint_pipeline(s, a, pipeline_id=sc.pipeline.id, occasion=LintOccasion.DEMAND),
    ),
    lint_runs.redesigned_pipelines: office(ALL, lambda s, a, _sc, _o: lint_runs.redesigned_pipelines(s, a)),
    lint_runs.keep_health: office(
        ADMINS,
        lambda s, a, sc, _o: lint_runs.keep_health(
            s, a, health=lint_runs.health_of(load_facts(s, sc.pipeline.id)), occasion=LintOccasion.SAVE
        ),
    ),
    acceptance.accept_finding: office(
        ADMINS,
        lambda s, a, sc, _o: acceptance.accept_finding(
            s, a, pipeline_id=sc.pipeline.id, code="L01", subject="", reason=REASON
        ),
    ),
    acceptance.revoke_acceptance: office(
        ADMINS,
        lambda s, a, sc, _o: acceptance.revoke_acceptance(s, a, pipeline_id=sc.pipeline.id, code="L01", subject=""),
        prepare=accept_few_stages,
    ),
    standing.set_stands_alone: office(
        ADMINS,
        lambda s, a, sc, _o: standing.set_stands_alone(
            s, a, pipeline_id=sc.pipeline.id, expected_version=1, stands_alone=True
        ),
    ),
    limits.edit_limits: office(
        ADMINS,
        lambda s, a, sc, _o: limits.edit_limits(
            s, a, pipeline_id=sc.pipeline.id, expected_version=1, limits=limits.Limits(most_stages=9)
        ),
    ),
    lint_deals.deals_behind: office(
        ADMINS,
        lambda s, a, sc, _o: lint_deals.deals_behind(s, a, Door(Behind.OPEN_HERE, 6, sc.pipeline.id, stage(sc, 0))),
    ),
    lint_previews.preview_fix: office(
        ADMINS,
        lambda s, a, sc, _o: lint_previews.preview_fix(
            s, a, pipeline_id=sc.pipeline.id, fix=RetireStage(stage(sc, 0), stage(sc, 1))
        ),
    ),
    lint_fixes.apply_fix: office(
        ADMINS,
        lambda s, a, sc, _o: lint_fixes.apply_fix(
            s, a, pipeline_id=sc.pipeline.id, expected_version=1, fix=RetireStage(stage(sc, 0), stage(sc, 1))
        ),
    ),
    splitting.split_pipeline: office(
        ADMINS,
        lambda s, a, sc, _o: splitting.split_pipeline(
            s, a, pipeline_id=sc.pipeline.id, expected_version=1, stage_ids=(stage(sc, 0),), name="Apart"
        ),
    ),
}

MONTH, PLANNED = date(2026, 5, 1), TargetMetric.WON_DEALS


def planned_for(session: Session, actor: Actor, scene: Scene) -> list[int]:
    """Give everybody a plan; return the people whose plans the actor finds."""
    for one in scene.belongings.values():
        session.add(Target(month=MONTH, metric=PLANNED, user_id=one.user, whose=f"0/{one.user}", value=5))
    session.flush()
    return [one.user_id for one in targets.load_targets(session, actor, [MONTH], PLANNED) if one.user_id is not None]


ANALYTICS: dict[Callable[..., Any], Row] = {
    choices_of_scope.load_choices: listing_of(
        lambda s, a, sc, _o: owners_by(sc, "user", choices_of_scope.load_choices(s, a).owners)
    ),
    choices_of_scope.load_sources: listing_of(lambda s, a, _sc, _o: set(choices_of_scope.load_sources(s, a))),
    behind_numbers.count_behind: office(ALL, lambda s, a, sc, _o: behind_numbers.count_behind(s, a, *came(s, sc))),
    behind_numbers.list_behind: listing_of(
        lambda s, a, sc, _o: owners_by(sc, "deal", ids_of(behind_numbers.list_behind(s, a, *came(s, sc))))
    ),
    behind_numbers.export_behind: listing_of(
        lambda s, a, sc, _o: owners_by(sc, "deal", ids_of(behind_numbers.export_behind(s, a, *came(s, sc)))), HEADS
    ),
    note_export: office(
        HEADS, lambda s, a, _sc, _o: note_export(s, a, name="Deals", file_format="csv", rows=1, narrowed={})
    ),
    retrace_progress: office(ALL, lambda s, a, _sc, _o: retrace_progress(s, a)),
    curves: office(ALL, lambda s, a, _sc, _o: curves(s, a, Ask(whole_scope(s)))),
    targets.set_target: of_owner(
        lambda s, a, _sc, o: targets.set_target(s, a, month=MONTH, metric=PLANNED, value=5, user_id=o.user), HEADS
    ),
    targets.set_targets: of_owner(
        lambda s, a, _sc, o: targets.set_targets(s, a, values={MONTH: 5}, metric=PLANNED, user_id=o.user), HEADS
    ),
    targets.load_targets: listing_of(lambda s, a, sc, _o: owners_by(sc, "user", planned_for(s, a, sc))),
    views.list_views: Row(
        lambda s, a, sc, _o: owners_by(sc, "view", (one.id for one in views.list_views(s, a, "conversion"))),
        ALL, OWN, lists=True,
    ),
    views.save_view: office(ALL, lambda s, a, _sc, _o: views.save_view(s, a, page="kpi", name="Mine", query={})),
    views.change_view: Row(
        lambda s, a, _sc, o: views.change_view(s, a, view_id=o.view, expected_version=1, name="Another"), ALL, OWN
    ),
    views.delete_view: Row(
        lambda s, a, _sc, o: views.delete_view(s, a, view_id=o.view, expected_version=1), ALL, OWN
    ),
}  # fmt: skip

GROUPS = {
    "analytics": ANALYTICS,
    "pipelines": PIPELINES,
    "linter": LINTER,
    "deals": DEALS,
    "clients": CLIENTS,
    "duplicates": DUPLICATES,
    "accounts": ACCOUNTS,
}
ROWS: dict[Callable[..., Any], Row] = PIPELINES | LINTER | DEALS | CLIENTS | DUPLICATES | ACCOUNTS | ANALYTICS

# Parts of commands: they check no role, so no edge may call them.
INNER = frozenset(
    {
        "crm.auth.merged.not_found",
        "crm.auth.merged.survivor_of",
        "crm.contacts.fields.checked_company",
        "crm.contacts.fields.checked_contact",
        "crm.contacts.fields.owner_violations",
        "crm.contacts.saving.finish_change",
        "crm.contacts.saving.insert_client",
        "crm.contacts.saving.save_client",
        "crm.contacts.saving.take_client",
        "crm.contacts.search.find_entries",
        "crm.contacts.search.matching_ids",
        "crm.contacts.search.matching_records",
        "crm.deals.auto_deals.fire_links",
        "crm.deals.editing.apply_changes",
        "crm.deals.entering.enter_stage",
        "crm.deals.fields.value_violations",
        "crm.deals.finding.text_condition",
        "crm.deals.locking.lock_deal",
        "crm.deals.locking.take_deal",
        "crm.deals.mass_closing.close_stage_as_lost",
        "crm.deals.retracing.retrace_after_redesign",
        "crm.deals.retracing.retrace_many",
        "crm.pipelines.retrace_requests.request_retrace",
        "crm.deals.mass_events.record_for_deals",
        "crm.deals.mass_events.record_for_rows",
        "crm.deals.next_steps.add_step",
        "crm.deals.next_steps.cancel_open_steps",
        "crm.deals.next_steps.close_due_steps",
        "crm.deals.next_steps.close_step",
        "crm.deals.objections.settle_at_close",
        "crm.deals.overrides.record_override",
        "crm.deals.stage_traces.add_objections",
        "crm.deals.stage_traces.fill_source",
        "crm.deals.visits.open_visit",
        "crm.duplicates.bulk_work.merge_group",
        "crm.duplicates.deal_merges.hand_over_stay",
        "crm.duplicates.deal_merges.hide_deal",
        "crm.duplicates.deal_merges.stand_again",
        "crm.duplicates.merge_history.in_view",
        "crm.duplicates.merge_history.take_merge",
        "crm.duplicates.pair_card.take_pair",
        "crm.duplicates.pair_records.pairs_in_view",
        "crm.duplicates.scanning.ask_for_scan",
        "crm.duplicates.taking.take_pair",
        "crm.duplicates.undo.out_of_sight",
        "crm.pipelines.commands.lock_pipeline",
        "crm.pipelines.commands.take_pipeline",
    }
)
