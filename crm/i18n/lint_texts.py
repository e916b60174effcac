"""Sentences of the linter: what each finding says with each of its variants, and why it hurts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from crm.errors import Param
from crm.i18n import N_, _

FINDING_TEXTS: dict[str, str] = {
    "L01.few": N_("Working stages: {count}. Fewer than {fewest} show too little of the way to the sale."),
    "L01.many": N_("Working stages: {count}. More than {most} are hard to keep true."),
    "L02.name": N_("“{stage}” does not say what has been done."),
    "L03.name": N_("“{stage}” is a place to wait: nothing has to happen there."),
    "L04.name": N_("“{stage}” is no step of the sale: objections come up on any stage."),
    "L05.name": N_("“{stage}” says where a client came from, not what has been done."),
    "L05.behaviour": N_(
        "“{stage}” works as a source: {count} of {of} deals ({percent} %) began there, all from “{source}”."
    ),
    "L06.name": N_("“{stage}” is a place where deals are put away."),
    "L06.behaviour": N_("“{stage}” took in {count} deals in {days} days and let none out."),
    "L07.name": N_("“{stage}” is somebody who works here, not what has been done."),
    "L07.teams": N_("“{first}” and “{last}” share no stage: {last} works on {stages} only ({count} stays)."),
    "L08.crowd": N_("“{stage}” holds {count} of {of} open deals ({percent} %)."),
    "L08.old": N_("Half of the deals on “{stage}” have stood there for over {days} days; usual here: {usual_days}."),
    "L08.no_task": N_("{no_task} of {count} deals on “{stage}” ({no_task_percent} %) have no task ahead."),
    "L09.won": N_("{count} of {of} won deals ({percent} %) never came by “{stage}”."),
    "L10.back": N_("{count} of {of} moves ({percent} %) went backwards. Most often {pairs}."),
    "L11.won": N_("Won deals lead nowhere, though there are other pipelines."),
    "L11.lost": N_("Lost deals lead nowhere, though there are other pipelines."),
    "L12.few": N_("Reasons of loss: {count}. Fewer than {fewest} teach little."),
    "L12.other": N_("“{reason}” explains {count} of {of} losses ({percent} %), and so nothing."),
    "L12.one": N_("“{reason}” is given for {count} of {of} losses ({percent} %)."),
    "L12.unused": N_("Not once given for {of} losses: {reasons}."),
    "L13.both": N_("“{stage}” has no norm and no criterion."),
    "L13.norm": N_("“{stage}” has no norm."),
    "L13.criterion": N_("“{stage}” has no exit criterion."),
    "L13.fields": N_("No stage asks for anything: deals can be won without a single fact written down."),
    "L14.loop": N_("{way}: deals would go round without a pause and without an end."),
    "L15.move": N_("A link moves deals to “{pipeline}” instead of copying them."),
}

WHYS: dict[str, str] = {
    "L01": N_("A pipeline of 5 to 8 stages shows where deals are lost and is still filled in honestly."),
    "L02": N_("A finished action is either done or not. Anything else each manager reads in their own way."),
    "L03": N_("Deals go in and stay. The conversion of such a stage means nothing."),
    "L04": N_("As a stage, an objection hides how far the sale has come. As a record, it can be counted and answered."),
    "L05": N_("Sources as stages mix two questions. As a field, a source can be compared over the whole pipeline."),
    "L06": N_("Deals put away are neither worked on nor counted as lost, so the conversion looks better than it is."),
    "L07": N_("One pipeline is one process. Mixed ones have no conversion that could be read."),
    "L08": N_("A crowd on one stage is where money waits, or where statuses are no longer told."),
    "L09": N_("If deals are won without it, the stage is not a step of the sale."),
    "L10": N_("Going to and fro means that stages are entered before they are done."),
    "L11": N_("A client who bought or refused is the cheapest next client; here both are forgotten."),
    "L12": N_("Reasons are the only thing a lost deal leaves behind."),
    "L13": N_("Without a norm and a criterion a stage can't be late and can't be done."),
    "L14": N_("A loop needs a pause between rounds and a last round, or clients are worn out."),
    "L15": N_("A moved deal takes its history along: the first pipeline loses its conversion."),
}


def finding_sentence(code: str, variants: Iterable[str], params: Mapping[str, Param]) -> str:
    """Return what a finding says to the reader; an unknown code or variant is a programming error (KeyError)."""
    return " ".join(_(FINDING_TEXTS[f"{code}.{variant}"], **params) for variant in variants)


def why(code: str) -> str:
    """Return the reader's line about why a finding hurts."""
    return _(WHYS[code])
