"""One English sentence per error and violation code, and the names of fields; edges translate with `sentence`."""

from __future__ import annotations

from collections.abc import Mapping

from crm.errors import CrmError, Param, Violation
from crm.i18n import N_, _

TEXTS: dict[str, str] = {
    # General
    "changed_meanwhile": N_("Somebody saved this record while you were editing it. Compare the values and choose."),
    "database_unavailable": N_("The database does not answer right now. Nothing was saved; try again in a minute."),
    "deal_moved_meanwhile": N_("Somebody has just changed this deal. The page shows it as it is now."),
    "error": N_("That did not work."),
    "forbidden": N_("Your role does not allow this. Ask your administrator."),
    "invalid_input": N_("Some values need your attention."),
    "not_found": N_("There is no such record, or it is not yours to see."),
    "refused": N_("Some values need your attention."),
    "sign_in_refused": N_("The e-mail or the password is wrong."),
    "signed_out": N_("You are signed out. Reload the page to sign in again."),
    "stage_rules_broken": N_("The deal can't go there yet."),
    "too_many_attempts": N_("Too many attempts. Try again in {retry_after_seconds} seconds."),
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
    "team_not_empty": N_("The team has members. Put them into another team first."),
    "too_many_keys": N_("{limit} keys are the most. Take back those nobody uses."),
    "user_has_password": N_("This user has a password already. Make a link for a new one instead."),
    "user_has_traces": N_("This user has deals or a history and can't be removed. Switch the account off instead."),
    "user_inactive": N_("This account is switched off."),
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
    # Moving deals
    "amount_not_positive": N_("A won deal needs an amount above zero."),
    "back_not_allowed": N_("Deals only go forward: “{stage}” is behind."),
    "deal_closed": N_("The deal is closed; closed deals stay where they ended."),
    "field_missing": N_("“{stage}” needs this field."),
    "field_needed_here": N_("The stage “{stage}” needs this field; it can't be emptied."),
    "loss_note_missing": N_("This reason needs a note."),
    "loss_reason_missing": N_("Say why the deal was lost."),
    "loss_reason_unknown": N_("Choose a reason of this pipeline."),
    "next_step_missing": N_("Plan the next step: an open deal always has one."),
    "next_step_past": N_("The next step must lie in the future."),
    "next_step_too_far": N_("The next step lies too far away: two years at most."),
    "skip_not_allowed": N_("No skipping: the next stage is “{stage}”."),
    "stage_of_other_pipeline": N_("The stage belongs to another pipeline. A deal never moves between pipelines."),
    "stage_retired": N_("The stage is no longer in use."),
    "stage_same": N_("The deal is on this stage already."),
    "step_closed": N_("This step is done already."),
    "step_is_last": N_("This is the last step of an open deal. Plan the next one together with the result."),
    # Pipelines
    "field_in_use": N_("Deals have values in this field; switch it off instead."),
    "loss_reason_last": N_("A pipeline needs at least one reason of loss."),
    "name_taken": N_("This name is taken."),
    "norm_invalid": N_("The norm is a positive length of time."),
    "options_needed": N_("A choice needs at least two different values."),
    "stage_has_deals": N_("{count} deals stand on this stage. Say where they go."),
    "stage_last_open": N_("A pipeline needs at least one open stage."),
    "stage_order_incomplete": N_("The new order must name every open stage once."),
    "stage_target_invalid": N_("Deals can only go to another open stage of the same pipeline."),
    "template_unknown": N_("There is no such template."),
}

FIELD_NAMES: dict[str, str] = {
    "address": N_("Address"),
    "amount": N_("Amount"),
    "company": N_("Company"),
    "contact": N_("Contact"),
    "currency": N_("Currency"),
    "email": N_("E-mail"),
    "expected_close_on": N_("Expected close"),
    "industry": N_("Industry"),
    "inn": N_("INN"),
    "loss_note": N_("Note on the loss"),
    "loss_reason": N_("Reason of loss"),
    "name": N_("Name"),
    "next_step": N_("Next step"),
    "note": N_("Note"),
    "owner": N_("Owner"),
    "parent": N_("Parent company"),
    "phone": N_("Phone"),
    "position": N_("Position"),
    "priority": N_("Priority"),
    "source": N_("Source"),
    "stage": N_("Stage"),
    "telegram": N_("Telegram"),
    "title": N_("Title"),
    "utm_campaign": N_("UTM campaign"),
    "utm_content": N_("UTM content"),
    "utm_medium": N_("UTM medium"),
    "utm_source": N_("UTM source"),
    "utm_term": N_("UTM term"),
    "website": N_("Website"),
}


def sentence(code: str, params: Mapping[str, Param]) -> str:
    """Return the reader's sentence for a code; an unknown code is a programming error (KeyError)."""
    return _(TEXTS[code], **params)


def violation_sentence(violation: Violation) -> str:
    """Return the reader's sentence for a violation."""
    return sentence(violation.code, violation.params)


def error_sentence(error: CrmError) -> str:
    """Return the reader's sentence for an error."""
    return sentence(error.code, error.params)


def field_name(field: str) -> str:
    """Return the reader's name of a built-in field."""
    return _(FIELD_NAMES[field])
