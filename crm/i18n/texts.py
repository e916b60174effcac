"""One English sentence per error and violation code, and the names of fields; edges translate with `sentence`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from crm.errors import CrmError, Param, Violation
from crm.i18n import N_, _
from crm.i18n.formats import moment
from crm.i18n.import_texts import IMPORT_TEXTS
from crm.i18n.labels import label
from crm.models.codes import Role, StepKind

TEXTS: dict[str, str] = {
    # General
    "changed_meanwhile": N_("Somebody saved this record while you were editing it. Compare the values and choose."),
    "database_unavailable": N_("The database does not answer right now. Nothing was saved; try again in a minute."),
    "deal_moved_meanwhile": N_("Somebody has just changed this deal. The page shows it as it is now."),
    "error": N_("That did not work."),
    "forbidden": N_("Your role does not allow this. Ask your administrator."),
    "invalid_input": N_("Some values need your attention."),
    "merged_out_of_view": N_("This was put together with #{living_id}, which is {owner}'s and not yours to see."),
    "not_found": N_("There is no such record, or it is not yours to see."),
    "refused": N_("Some values need your attention."),
    "sign_in_refused": N_("The e-mail or the password is wrong."),
    "signed_out": N_("You are signed out. Reload the page to sign in again."),
    "stage_rules_broken": N_("The deal can't go there yet."),
    "too_many_attempts": N_("Too many attempts. Try again in {retry_after_seconds} seconds."),
    # Figures
    "chart_unknown": N_("There are no figures called “{name}”. There are: {known}."),
    "day_unreadable": N_("“{text}” is no day; write it as 2026-01-31."),
    "meaning_unused": N_("“{name}” is no conversion: it has no meanings to choose from."),
    "meaning_unknown": N_("“{name}” is no meaning of conversion. There are: {known}."),
    "period_reversed": N_("The period ends on {until}, before it begins on {since}."),
    "split_none": N_("“{name}” can't be split."),
    "split_unknown": N_("These figures can't be split by “{split}”. They can by: {known}."),
    # Accounts
    "admin_sees_all": N_("Administrators always see everything."),
    "email_invalid": N_("Write the e-mail as name@company.com."),
    "email_taken": N_("Another user has this e-mail."),
    "expiry_past": N_("The last day must lie in the future."),
    "first_user_admin": N_("The first user must be an administrator."),
    "form_expired": N_("The page was open for too long. Check the values and send them again."),
    "form_unreadable": N_("The form came broken. Reload the page and send it again."),
    "identity_refused": N_("There is no account here for this identity. Ask your administrator to add one."),
    "last_admin": N_("This is the last administrator. Make somebody else one first."),
    "password_common": N_("This password is among the first that are guessed. Take several words of your own."),
    "password_differs": N_("The two passwords differ."),
    "password_personal": N_("This password leans on your name, your e-mail or your company. Take other words."),
    "password_too_long": N_("A password has {limit} characters at most."),
    "password_too_short": N_("A password has at least {limit} characters."),
    "password_wrong": N_("This is not your present password."),
    "provider_failed": N_("The provider did not confirm who you are. Try once more, or sign in with your password."),
    "sign_in_again": N_("Sign out, sign in again, and come back within ten minutes."),
    "team_not_empty": N_("The team has members. Put them into another team first."),
    "too_many_keys": N_("{limit} keys are the most. Take back those nobody uses."),
    "user_has_password": N_("This user has a password already. Make a link for a new one instead."),
    "user_has_traces": N_("This user has deals or a history and can't be removed. Switch the account off instead."),
    "user_inactive": N_("This account is switched off."),
    "too_many_views": N_("{limit} saved views are the most. Delete those you no longer open."),
    # API
    "bad_request": N_("The request could not be understood."),
    "body_too_large": N_("The request is larger than allowed."),
    "body_unreadable": N_("Send the body as JSON, with Content-Type: application/json."),
    "broken": N_("Something broke on our side. Number of the incident: {number}"),
    "cursor_invalid": N_("This cursor does not fit: take next_cursor from the answer before."),
    "field_unknown": N_("There is no such field."),
    "foreign_origin": N_("Requests from other sites are not accepted."),
    "idempotency_key_invalid": N_("An Idempotency-Key is 1 to 200 visible ASCII characters, sent once."),
    "idempotency_mismatch": N_("This Idempotency-Key was used for another request; take a new one."),
    "method_not_allowed": N_("This address does not know the method."),
    "moment_invalid": N_("Write the time with its zone, for example 2026-11-21T09:30:00Z."),
    "number_out_of_range": N_("The number lies out of range; the limit is {limit}."),
    "parameter_repeated": N_("This parameter may be given once."),
    "parameter_unknown": N_("There is no such parameter."),
    "scope_missing": N_("This key lacks the scope “{scope}”."),
    "too_many_items": N_("Too many items: {limit} at most."),
    "too_many_requests": N_("More than {limit} requests a minute. Try again in {retry_after_seconds} seconds."),
    "type_wrong": N_("The value has the wrong type."),
    "unauthenticated": N_("Send a living API key as a bearer token, or sign in."),
    "version_ambiguous": N_("If-Match and expected_version contradict each other."),
    "version_unreadable": N_('If-Match holds the version in quotes, for example "3".'),
    # Values
    "amount_invalid": N_("Write the amount as a number, for example 1250000.50."),
    "amount_too_large": N_("The amount is too large."),
    "choice_unknown": N_("Choose one of the offered values."),
    "date_invalid": N_("Write the date as day, month, year."),
    "number_invalid": N_("Write a number."),
    "own_domain_public": N_("At “{text}” anybody has a mailbox: it is not only yours. Write your own e-mails in full."),
    "own_identifier_unreadable": N_("“{text}” is neither a phone, an e-mail nor a domain."),
    "own_prefix_short": N_("“{text}” would be too many phones: write at least {least} digits before the star."),
    "pair_decided": N_("Somebody has just decided about this pair. The page shows it as it is now."),
    "pair_until_past": N_("Choose a moment in the future."),
    "wrong_field_alone": N_("Nothing would be left in the field. Open the record and write what belongs there."),
    "wrong_field_no_contact": N_("This deal has no contact to give it to. Add one first."),
    "wrong_field_taken": N_("The company has another INN already. Open the record and see which is right."),
    "text_too_long": N_("The text is too long: {length} characters, {limit} at most."),
    "text_unreadable": N_("The text holds characters that can't be stored."),
    "value_required": N_("Fill this in."),
    # Clients
    "company_own_parent": N_("A company can't be its own parent, not even through others."),
    "inn_checksum": N_("This INN can't be right: its check digits don't fit. Compare it with the document."),
    "inn_length": N_("An INN has 10 digits for a company, 12 for a sole trader."),
    "phone_invalid": N_("“{text}” is not a whole phone number. Write it with its code, for example +7 916 123-45-67."),
    "points_too_many": N_("Too many phones and addresses: {limit} at most."),
    "tax_number_invalid": N_("A tax number has 4 to 20 letters and digits."),
    "telegram_invalid": N_("“{text}” is not a Telegram name: 4 to 32 Latin letters, digits and underscores."),
    "website_invalid": N_("“{text}” is not a web address. It begins with http:// or https://."),
    **IMPORT_TEXTS,
    # Files of leads
    "bench_missing": N_("The benchmark comes with a checkout of the repository only: the folder bench is not here."),
    "bench_too_small": N_("Measure at {fewest} leads at least."),
    "database_kind_unknown": N_("There is no database “{name}” to measure. Write one of: {known}."),
    "entity_unknown": N_("“{name}” can't be looked for. Write one of: {known}."),
    "lead_column_missing": N_("The file has no column “{column}”. It has: {known}."),
    "lead_columns_malformed": N_("“{text}” is no pair of columns. Write --columns theirs=ours,theirs=ours."),
    "lead_columns_unknown": N_(
        "No column tells who the client is. The file has: {known}. "
        "Say what they mean with --columns theirs=ours; ours is one of: {fields}."
    ),
    "lead_field_unknown": N_("We have no column “{field}”. Behind the sign = write one of: {known}."),
    "lead_id_missing": N_("The file has no record with the id “{id}”."),
    "lead_id_repeated": N_(
        "Lines {line} and {again} have the same id “{id}”. Mend one of them, "
        "or name another column of ids: --columns theirs=record_id."
    ),
    "scale_extra_missing": N_(
        "This needs packages that are not installed: {packages}. "
        "Install requirements-scale.txt; Spark also needs Java 17."
    ),
    "leads_missing": N_("The file has a header and no rows under it."),
    # Merging
    "merge_batch_at_work": N_("A bulk merge of this kind is at work. Wait for its end, or stop it."),
    "merge_batch_empty": N_("There is nothing to merge in bulk."),
    "merge_batch_over": N_("This bulk merge is not at work any more."),
    "merge_batch_undone": N_("The merges of this batch are taken back already."),
    "merge_both_won": N_("Both deals are won: their sums are not added up."),
    "merge_choice_needed": N_("Choose whose value stays."),
    "merge_choice_unknown": N_("There is no such field to choose, or not this value."),
    "merge_closed_into_open": N_("One deal is closed: it goes into the open one, and its result is no longer counted."),
    "merge_deals_hidden": N_("Deals of these two that you do not see: {count}. Their sums are not among those shown."),
    "merge_dependents_hidden": N_(
        "Later merges that rest on this one are out of your view: {count}. Ask an administrator."
    ),
    "merge_different_companies": N_("They work for different companies."),
    "merge_different_currencies": N_("The deals are in different currencies: only one of the sums stays."),
    "merge_different_owners": N_("Different owners: {survivor} and {merged}."),
    "merge_different_pipelines": N_("The deals are in different pipelines: the one that stays keeps its own."),
    "merge_has_dependents": N_("Later merges rest on this one: {count}. Undo them together with it."),
    "merge_limit_invalid": N_("Choose from 1 to {limit} pairs."),
    "merge_links_rest": N_("Returns of the client planned by the hidden deal rest: {count}."),
    "merge_open_into_closed": N_("One deal is open and would go into a closed one: nobody would work on it any more."),
    "merge_refused_by": N_("Records of this kind can't be merged."),
    "merge_said_different": N_("Somebody said that these two are not duplicates."),
    "merge_same_record": N_("A record can't be merged with itself."),
    "merge_undone": N_("This merge is undone already."),
    # Moving deals
    "amount_not_positive": N_("A won deal needs an amount above zero."),
    "back_not_allowed": N_("Deals only go forward: “{stage}” is behind."),
    "creation_not_allowed": N_(
        "Your role does not create deals in “{pipeline}”. They come from: {origins}. By hand they are made by: {roles}."
    ),
    "deal_closed": N_("The deal is closed; closed deals stay where they ended."),
    "field_missing": N_("“{stage}” needs this field."),
    "field_missing_on_exit": N_("“{stage}” can't be left without this field."),
    "field_needed_here": N_("The stage “{stage}” needs this field; it can't be emptied."),
    "loss_note_missing": N_("This reason needs a note."),
    "loss_reason_missing": N_("Say why the deal was lost."),
    "loss_reason_unknown": N_("Choose a reason of this pipeline."),
    "loss_reason_without_loss": N_("A reason of loss goes only with closing as lost."),
    "move_forbidden": N_(
        "Your role does not move deals from “{start}” to “{stage}”. A head of sales may, with a reason: ask yours."
    ),
    "next_step_after_end": N_("A closed deal has no next step: leave it out."),
    "next_step_kind_wrong": N_("On “{stage}” the next step is one of: {kinds}."),
    "next_step_missing": N_("Plan the next step: an open deal always has one."),
    "next_step_past": N_("The next step must lie in the future."),
    "next_step_too_far": N_("The next step lies too far away: two years at most."),
    "override_not_allowed": N_("Only heads of sales and administrators pass rules with a reason."),
    "pipeline_archived": N_("The pipeline is in the archive: take it out of there first."),
    "reason_too_short": N_("Say why in {limit} characters or more: others will read it."),
    "skip_not_allowed": N_("No skipping: the next stage is “{stage}”."),
    "stage_not_for_new": N_("New deals begin on: {stages}."),
    "stage_of_other_pipeline": N_("The stage belongs to another pipeline. A deal never moves between pipelines."),
    "stage_retired": N_("The stage is no longer in use."),
    "stage_same": N_("The deal is on this stage already."),
    "step_closed": N_("This step is done already."),
    "step_is_last": N_("This is the last step of an open deal. Plan the next one together with the result."),
    # Descriptions of pipelines
    "code_unknown": N_("Only these are possible: {known}."),
    "description_binary": N_("This is not text. Save the description as UTF-8."),
    "description_empty": N_("There is nothing in it yet."),
    "description_link_moves": N_("This link moves deals, which erases them from their pipeline. Write mode = “copy”."),
    "description_breaks_off": N_("The description breaks off: a quote or a bracket is not closed."),
    "description_not_toml": N_("Line {line} is not TOML: look at its quotes, brackets and the sign =."),
    "description_too_deep": N_("Tables are nested without end, or a line or a number is too long."),
    "description_too_large": N_("The description is too large: {limit_kb} KB at most."),
    "field_not_described": N_("There is no field “{name}”, neither built in nor in this description."),
    "flag_expected": N_("Write true or false."),
    "key_invalid": N_("A key has small Latin letters, digits and underscores: 50 at most."),
    "key_unknown": N_("There is no such setting. Perhaps it is misspelt."),
    "length_of_time_invalid": N_("Write a length of time such as 15m, 24h or 3d."),
    "list_expected": N_("Write a list in square brackets."),
    "name_repeated": N_("“{name}” is here twice."),
    "number_between": N_("Write a whole number from {low} to {high}."),
    "pipeline_not_described": N_("This description has no pipeline “{name}”."),
    "stage_not_described": N_("The pipeline “{pipeline}” has no working stage “{name}”, or several."),
    "table_expected": N_("Write a table here: settings with values."),
    "text_expected": N_("Write text in quotes."),
    "value_unwanted": N_("This is out of place here; leave it out."),
    # Pipelines
    "link_condition_invalid": N_("Condition {number} makes no sense. Choose its field and value anew."),
    "link_due_in_pause": N_("The client rests between two rounds until {rests_until}. Choose a later day."),
    "link_due_invalid": N_("Choose a day in the future, five years ahead at most."),
    "link_exists": N_("There is such a link already, with the same conditions."),
    "link_has_fired": N_("This link has made deals or waits to. Switch it off: history keeps it."),
    "link_loop_unbraked": N_(
        "Deals would go round for ever: {pipelines}. Give one link of the loop a pause or a limit of rounds."
    ),
    "link_rounds_invalid": N_("The limit of rounds is a number from 1 to {limit}."),
    "link_run_done": N_("This return has been dealt with already."),
    "link_stage_unknown": N_("Choose a working stage of “{pipeline}”."),
    "link_step_kind": N_("“{stage}” does not count this kind of next step."),
    "link_target_unknown": N_("Choose a pipeline that is in use."),
    "link_time_invalid": N_("This length of time is out of range."),
    "link_to_itself": N_("A deal that comes to “{stage}” can't create another one on the same stage."),
    "loss_reason_last": N_("A pipeline needs at least one reason of loss."),
    "name_taken": N_("This name is taken."),
    "fix_not_here": N_("This can only be mended where the description came from."),
    "limits_out_of_order": N_("The fewest stages, the most and far too many must rise in this order."),
    "norm_invalid": N_("The norm is a positive length of time."),
    "options_needed": N_("A choice needs at least two different values."),
    "stage_end_setting": N_("Won and lost stages have no such setting."),
    "stage_has_deals": N_("{count} deals stand on this stage. Say where they go."),
    "stage_last_open": N_("A pipeline needs at least one open stage."),
    "stage_order_incomplete": N_("The new order must name every open stage once."),
    "target_out_of_range": N_("A plan is a positive number, or nothing where there is no plan."),
    "win_percent_invalid": N_("The chance of a win is between 0 and 100 per cent."),
    "stage_target_invalid": N_("Deals can only go to another open stage of the same pipeline."),
    "transition_invalid": N_("A rule leads from an open stage to another one, or to the won stage."),
    "template_unknown": N_("There is no such template."),
}

FIELD_NAMES: dict[str, str] = {
    "accepts_new": N_("New deals begin here"),
    "address": N_("Address"),
    "amount": N_("Amount"),
    "buys_if": N_("Would buy if"),
    "color": N_("Colour"),
    "company": N_("Company"),
    "conditions": N_("Conditions"),
    "contact": N_("Contact"),
    "cooldown": N_("Pause between rounds"),
    "copied": N_("What goes along"),
    "creation_roles": N_("Who creates deals"),
    "currency": N_("Currency"),
    "delay": N_("Delay of the new deal"),
    "email": N_("E-mail"),
    "exit_criterion": N_("Done when"),
    "expected_close_on": N_("Expected close"),
    "forward_only": N_("Forward only"),
    "from_stage": N_("Stage that sets it off"),
    "industry": N_("Industry"),
    "inn": N_("INN"),
    "loss_note": N_("Note on the loss"),
    "loss_reason": N_("Reason of loss"),
    "max_rounds": N_("Rounds at most"),
    "meant": N_("Is it meant?"),
    "name": N_("Name"),
    "next_step": N_("Next step"),
    "no_skipping": N_("No skipping"),
    "norm_seconds": N_("Norm"),
    "win_percent": N_("Chance of a win, %"),
    "note": N_("Note"),
    "objection": N_("Objection"),
    "outcome": N_("Outcome"),
    "own_identifiers": N_("Our own phones and addresses"),
    "owner": N_("Owner"),
    "owner_rule": N_("Owner by rule"),
    "parent": N_("Parent company"),
    "phone": N_("Phone"),
    "points": N_("Phones and addresses"),
    "plan": N_("Plan"),
    "position": N_("Job title"),
    "priority": N_("Priority"),
    "required": N_("Needed to enter"),
    "required_exit": N_("Needed to go on"),
    "skip_if_open": N_("Not while a deal is open"),
    "source": N_("Source"),
    "stage": N_("Stage"),
    "step_due": N_("When the first step is due"),
    "step_kind": N_("Kind of the first step"),
    "step_kinds": N_("Next steps that count"),
    "step_text": N_("First step"),
    "telegram": N_("Telegram"),
    "title": N_("Title"),
    "to_pipeline": N_("Pipeline of the new deal"),
    "to_stage": N_("Stage of the new deal"),
    "transitions": N_("Exceptions"),
    "trigger": N_("What sets it off"),
    "until": N_("Until"),
    "utm_campaign": N_("UTM campaign"),
    "utm_content": N_("UTM content"),
    "utm_medium": N_("UTM medium"),
    "utm_source": N_("UTM source"),
    "utm_term": N_("UTM term"),
    "website": N_("Website"),
}


def sentence(code: str, params: Mapping[str, Param]) -> str:
    """Return the reader's sentence for a code; an unknown code is a programming error (KeyError)."""
    spoken = {name: say(params[name]) for name, say in _SPOKEN.items() if name in params}
    return _(TEXTS[code], **{**params, **spoken})


def _words(codes: type[StepKind] | type[Role]) -> Callable[[Param], str]:
    return lambda value: ", ".join(label(codes(one)) for one in str(value or "").split(",") if one) or _("nobody")


# Parameters that hold codes, or nothing: what a reader is told instead.
_SPOKEN: Mapping[str, Callable[[Param], str]] = {
    "kinds": _words(StepKind),
    "roles": _words(Role),
    "rests_until": lambda value: moment(datetime.fromtimestamp(int(value or 0), UTC)),
    "origins": lambda value: str(value or "") or _("imports and programs"),
}


def violation_sentence(violation: Violation) -> str:
    """Return the reader's sentence for a violation."""
    return sentence(violation.code, violation.params)


def error_sentence(error: CrmError) -> str:
    """Return the reader's sentence for an error."""
    return sentence(error.code, error.params)


def field_name(field: str) -> str:
    """Return the reader's name of a built-in field."""
    return _(FIELD_NAMES[field])
