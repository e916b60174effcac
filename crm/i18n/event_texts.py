"""One English sentence per kind of event, and the words for what changed; the journal and timelines show them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from crm.i18n import N_, _
from crm.i18n.analytics_formats import month_text
from crm.i18n.formats import moment
from crm.i18n.labels import label
from crm.i18n.rule_texts import rule_name
from crm.i18n.texts import FIELD_NAMES, field_name
from crm.models.codes import ObjectionOutcome, Role, StepKind, StepResult, TargetMetric

EVENT_TEXTS: dict[str, str] = {
    "activity.added": N_("Wrote down a contact or a note"),
    "api_key.created": N_("Made an API key"),
    "api_key.revoked": N_("Revoked an API key"),
    "auth.identity_linked": N_("Linked an account of the sign-in provider"),
    "auth.password_changed": N_("Changed the password"),
    "auth.password_set": N_("Set a password"),
    "auth.refused": N_("Sign-in refused"),
    "auth.reset_link_made": N_("Made a link for a new password"),
    "auth.sessions_ended": N_("Ended sessions"),
    "auth.signed_in": N_("Signed in"),
    "auth.signed_out": N_("Signed out"),
    "company.created": N_("Created a company"),
    "company.edited": N_("Changed a company"),
    "company.imported": N_("Imported a company"),
    "company.merged": N_("Took in the company “{other}” (#{other_id}), a duplicate"),
    "company.merged_into": N_("Put into the company “{other}” (#{other_id}) as its duplicate"),
    "company.reassigned": N_("Handed a company over"),
    "company.restored": N_("Gave a company its former values: its import was taken back"),
    "company.unmerged": N_("Let the company “{other}” (#{other_id}) go again: the merge was taken back"),
    "company.unmerged_from": N_("Came back out of the company “{other}” (#{other_id}): the merge was taken back"),
    "contact.created": N_("Created a contact"),
    "contact.edited": N_("Changed a contact"),
    "contact.imported": N_("Imported a contact"),
    "contact.merged": N_("Took in the contact “{other}” (#{other_id}), a duplicate"),
    "contact.merged_into": N_("Put into the contact “{other}” (#{other_id}) as its duplicate"),
    "contact.reassigned": N_("Handed a contact over"),
    "contact.restored": N_("Gave a contact its former values: its import was taken back"),
    "contact.unmerged": N_("Let the contact “{other}” (#{other_id}) go again: the merge was taken back"),
    "contact.unmerged_from": N_("Came back out of the contact “{other}” (#{other_id}): the merge was taken back"),
    "deal.auto_created": N_("Created deal #{child_id} in “{pipeline}”, round {round}"),
    "deal.came_by_link": N_("Came from deal #{origin_id} of “{from_pipeline}”: {outcome}"),
    "deal.created": N_("Created the deal on “{stage}”"),
    "deal.edited": N_("Changed the deal"),
    "deal.history_added": N_("Imported more of the deal's history"),
    "deal.imported": N_("Imported the deal"),
    "deal.link_note": N_("The client came here again from deal #{origin_id} of “{from_pipeline}”: {outcome}"),
    "deal.link_noted": N_("Deal #{child_id} in “{pipeline}” is open already and got a note"),
    "deal.link_postponed": N_("The new deal in “{pipeline}” will come {when}"),
    "deal.link_skipped": N_("No new deal in “{pipeline}”: {why}"),
    "deal.link_waiting": N_("A new deal in “{pipeline}” will come {when}"),
    "deal.lost": N_("Closed as lost: {reason}"),
    "deal.merged": N_("Took in the deal “{other}” (#{other_id}), a duplicate"),
    "deal.merged_into": N_("Put into the deal “{other}” (#{other_id}) as its duplicate"),
    "deal.moved": N_("Moved: {from_stage} → {to_stage}"),
    "deal.pipeline_split": N_("The pipeline “{pipeline}” was split: the deal's stage now belongs to “{into}”"),
    "deal.reassigned": N_("Handed the deal over"),
    "deal.removed": N_("Removed the deal: {reason}"),
    "deal.reopened": N_("Took the deal up again: {from_stage} → {to_stage}"),
    "deal.restored": N_("Gave the deal its former values: its import was taken back"),
    "deal.returned": N_("Put the removed deal back on “{stage}”"),
    "deal.rule_overridden": N_("Passed a rule ({rules}): {reason}"),
    "deal.stage_retired": N_("A stage was retired: {from_stage} → {to_stage}"),
    "deal.won": N_("Closed as won"),
    "deal.unmerged": N_("Let the deal “{other}” (#{other_id}) go again: the merge was taken back"),
    "deal.unmerged_from": N_("Came back out of the deal “{other}” (#{other_id}): the merge was taken back"),
    "demo.cleared": N_("Took the example out"),
    "demo.filled": N_("Put the example in"),
    "field.created": N_("Created the field “{name}”"),
    "field.edited": N_("Changed the field “{name}”"),
    "field.restored": N_("Gave the field “{name}” its former values: its import was taken back"),
    "import.failed": N_("The import “{name}” stopped"),
    "import.finished": N_("Finished the import “{name}”"),
    "import.started": N_("Started the import “{name}”"),
    "import.undone": N_("Took the import “{name}” back"),
    "link.created": N_("Linked “{from_pipeline}” → “{to_pipeline}”"),
    "link.deleted": N_("Removed the link “{from_pipeline}” → “{to_pipeline}”"),
    "link.edited": N_("Changed the link “{from_pipeline}” → “{to_pipeline}”"),
    "lint.accepted": N_("Accepted a finding about the pipeline “{name}”: {reason}"),
    "lint.limits_edited": N_("Changed where findings about the pipeline “{name}” begin"),
    "lint.revoked": N_("Took back the acceptance of a finding about the pipeline “{name}”"),
    "loss_reason.created": N_("Added the reason of loss “{name}”"),
    "loss_reason.edited": N_("Changed the reason of loss “{name}”"),
    "merge_batch.done": N_("Finished merging in bulk: {merged} merged, {skipped} left"),
    "merge_batch.rolled_back": N_("Took all merges of a batch back"),
    "merge_batch.started": N_("Started merging in bulk: {planned} planned"),
    "merge_batch.stopped": N_("Stopped merging in bulk: {merged} merged, {skipped} left"),
    "merge_batch.undo_started": N_("Started to take the merges of a batch back"),
    "next_step.dropped": N_("Next step dropped: {step}"),
    "next_step.done": N_("Next step done: {step} ({result})"),
    "next_step.planned": N_("Next step planned: {step}, {when}"),
    "next_step.postponed": N_("Next step postponed to {when}"),
    "objection.edited": N_("Changed an objection"),
    "objection.recorded": N_("Objection: {text}"),
    "objection.settled": N_("Objection “{text}”: {outcome}{words}"),
    "pair.dismissed": N_("Said that two records are not the same"),
    "pair.reopened": N_("Put two records that look alike back into the queue"),
    "pair.snoozed": N_("Put off two records that look alike until {when}"),
    "pipeline.created": N_("Created the pipeline “{name}”"),
    "pipeline.edited": N_("Changed the pipeline “{name}”"),
    "pipeline.split": N_("Split the pipeline “{name}”: a part is now “{into}”; deals taken along: {deals}"),
    "records.exported": N_("Took “{name}” out as {format}, rows: {rows}"),
    "pipeline.transitions_set": N_("Changed who may move where in “{name}” ({role})"),
    "pipeline.reordered": N_("Put the stages of “{name}” in another order"),
    "stage.created": N_("Added the stage “{name}” to “{pipeline}”"),
    "stage.edited": N_("Changed the stage “{name}” of “{pipeline}”"),
    "stage.retired": N_("Retired the stage “{name}” of “{pipeline}”; deals sent on: {deals}"),
    "target.set": N_("Set the plan for {month}: {planned}"),
    "team.created": N_("Created a team"),
    "team.deleted": N_("Deleted a team"),
    "team.imported": N_("Imported the team “{name}”"),
    "team.renamed": N_("Renamed a team"),
    "user.activated": N_("Switched a user on"),
    "user.created": N_("Added a user"),
    "user.deactivated": N_("Switched a user off"),
    "user.deleted": N_("Removed a user"),
    "user.edited": N_("Changed a user"),
    "user.imported": N_("Imported the user “{name}”"),
    "user.invited": N_("Invited a user"),
    "user.profile_edited": N_("Changed the own profile"),
    "user.restored": N_("Gave a user the former values: the import was taken back"),
    "user.role_changed": N_("Gave a user another role"),
    "view.changed": N_("Changed the saved view “{name}”"),
    "view.deleted": N_("Deleted the saved view “{name}”"),
    "view.saved": N_("Saved the view “{name}”"),
    "workspace.created": N_("Set the company up"),
    "workspace.edited": N_("Changed the company's settings"),
}

# Why a link made no deal.
SKIP_TEXTS: dict[str, str] = {
    "cancelled": N_("it was called off"),
    "client_has_open_deal": N_("the client has another open deal"),
    "deal_removed": N_("this deal was removed"),
    "deal_taken_up": N_("this deal was taken up again"),
    "link_off": N_("the link was switched off"),
    "max_rounds": N_("the limit of rounds is reached"),
    "nobody_lost": N_("this deal was spam, a duplicate or a test"),
    "target_closed": N_("that pipeline is not in use"),
    "went_round": N_("this link has just created this very deal"),
}


def event_sentence(kind: str, details: Mapping[str, Any], field_names: Mapping[str, str] | None = None) -> str:
    """Return the reader's sentence for an event, with the fields that changed; custom ones by `field_names`.

    An unknown kind is a programming error (KeyError).
    """
    values = {key: "—" if value is None else value for key, value in details.items()} | _spoken(details)
    is_dropped = kind == "next_step.done" and details.get("result") == StepResult.CANCELLED
    sentence = _(EVENT_TEXTS["next_step.dropped" if is_dropped else kind]).format_map(_Blank(values))
    changes = details.get("changes")
    if kind in _TELLING_THEIR_CHANGES or not isinstance(changes, Mapping) or not changes:
        return sentence
    names = [changed_name(key, field_names or {}, kind) for key in changes]
    return f"{sentence}: {', '.join(dict.fromkeys(names))}"


# Their sentences say what the change was; only the journal shows old and new.
_TELLING_THEIR_CHANGES = frozenset({"objection.settled", "target.set"})
_OF_PEOPLE = ("contact.", "user.")
_SHORT_NAMES = {
    "amount_minor": "amount",
    "company_id": "company",
    "contact_roles": "contact",
    "contacts": "contact",
    "cooldown_seconds": "cooldown",
    "delay_seconds": "delay",
    "from_stage_id": "from_stage",
    "owner_id": "owner",
    "plan_minor": "plan",
    "step_due_seconds": "step_due",
    "to_pipeline_id": "to_pipeline",
    "to_stage_id": "to_stage",
    "parent_id": "parent",
}


def changed_name(key: str, field_names: Mapping[str, str], kind: str = "") -> str:
    """Return the reader's name of a field that an event changed; a column's own name where it has none."""
    short = _SHORT_NAMES.get(key, key)
    if short == "name" and kind.startswith(_OF_PEOPLE):
        return _("Full name")
    return field_names.get(short) or (field_name(short) if short in FIELD_NAMES else short)


def _spoken(details: Mapping[str, Any]) -> dict[str, str]:
    spoken = {}
    if "step_kind" in details:
        spoken["step"] = str(details.get("text") or label(StepKind(details["step_kind"])))
    if "result" in details and details["result"] in set(StepResult):
        spoken["result"] = label(StepResult(details["result"]))
        spoken["step"] = label(StepKind(details["step_kind"]))
    if details.get("outcome") in set(ObjectionOutcome):
        spoken["outcome"] = label(ObjectionOutcome(details["outcome"])).lower()
        spoken["words"] = f". {details['note']}" if details.get("note") else ""
    if details.get("reason_code") in SKIP_TEXTS:
        spoken["why"] = _(SKIP_TEXTS[details["reason_code"]])
    due = details.get("due_at", details.get("after"))
    if isinstance(due, int):
        spoken["when"] = moment(datetime.fromtimestamp(due, UTC))
    if details.get("metric") in set(TargetMetric):
        spoken["month"] = month_text(date.fromisoformat(details["month"]))
        whose = (label(TargetMetric(details["metric"])), details.get("person"), details.get("pipeline"))
        spoken["planned"] = ", ".join(one for one in whose if one)
    if details.get("role") in set(Role):
        spoken["role"] = label(Role(details["role"]))
    if "rules" in details:
        spoken["rules"] = ", ".join(rule_name(code) for code in details["rules"])
    return spoken


class _Blank(dict[str, Any]):
    """Gives a dash for a value that an older event doesn't have."""

    def __missing__(self, key: str) -> str:
        return "—"
