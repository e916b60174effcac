"""Words for what the linter offers: what a fix is called, what its preview says, what stands behind a number."""

from __future__ import annotations

from collections.abc import Mapping

from crm.deals.lint_previews import FixPreview
from crm.i18n import N_, _, ngettext
from crm.i18n.labels import label
from crm.i18n.lint_texts import finding_sentence
from crm.models.codes import LinkTrigger
from crm.pipelines.linter.values import (
    AddLink,
    AddReasons,
    AllowSkip,
    Behind,
    CloseWithReason,
    CopyInsteadOfMove,
    Door,
    FillStage,
    Finding,
    Fix,
    ForwardOnly,
    MoveSourceToField,
    RenameStage,
    RetireStage,
    SetLoopLimit,
    Severity,
    SplitPipeline,
    StandAlone,
    SwitchOffReasons,
    TurnIntoObjections,
)
from crm.pipelines.values import PipelineInfo

SEVERITY_SIGNS = {
    Severity.ERROR: ":red[:material/error:]",
    Severity.WARNING: ":orange[:material/warning:]",
    Severity.HINT: ":gray[:material/lightbulb:]",
}
SEVERITY_WORDS = {Severity.ERROR: N_("Mend first"), Severity.WARNING: N_("Worth mending"), Severity.HINT: N_("Hint")}
_LABELS: Mapping[type[Fix], str] = {
    FillStage: N_("Fill in"),
    TurnIntoObjections: N_("Keep objections on deals"),
    CloseWithReason: N_("Close its deals and retire it"),
    AllowSkip: N_("Let deals pass it by"),
    ForwardOnly: N_("Forward only"),
    SplitPipeline: N_("Split the pipeline"),
    StandAlone: N_("It stands alone on purpose"),
    AddReasons: N_("Add reasons"),
    SwitchOffReasons: N_("Switch them off"),
    SetLoopLimit: N_("Set a limit"),
    CopyInsteadOfMove: N_("Copy instead of moving"),
}


def sentence_of(finding: Finding) -> str:
    """Return what a finding says, as plain text."""
    return finding_sentence(finding.code, finding.variants, finding.params)


def fix_label(fix: Fix, pipeline: PipelineInfo, others: Mapping[int, str]) -> str:
    """Return what a fix is called on its button, as plain text; `others` are names of pipelines by id."""
    if isinstance(fix, RenameStage):
        return _("Rename to “{name}”", name=fix.name) if fix.name else _("Give it another name")
    if isinstance(fix, RetireStage):
        return _("Retire it, deals to “{stage}”", stage=stage_name(pipeline, fix.target_stage_id))
    if isinstance(fix, MoveSourceToField):
        return _("Make “{source}” a source", source=fix.source)
    if isinstance(fix, AddLink):
        return _("Lead on to “{pipeline}”", pipeline=others.get(fix.to_pipeline_id, "?"))
    return _(_LABELS[type(fix)])


def door_label(door: Door) -> str:
    """Return what the button says that opens the deals behind a number."""
    if door.behind is Behind.NO_TASK_HERE:
        return ngettext("{n} deal without a task", "{n} deals without a task", door.count)
    if door.behind is Behind.WENT_BACK:
        return ngettext("{n} deal that went back", "{n} deals that went back", door.count)
    if door.behind in {Behind.WON_PAST, Behind.LOST_FOR}:
        return ngettext("{n} closed deal", "{n} closed deals", door.count)
    return ngettext("{n} deal", "{n} deals", door.count)


def preview_lines(fix: Fix, preview: FixPreview) -> list[str]:
    """Return what a fix would do, a sentence a line, as plain text."""
    count, marked, target = preview.open_deals, preview.marked_deals, preview.target or ""
    match fix:
        case RetireStage():
            lines = [_sent_on(count, target)]
        case TurnIntoObjections():
            told = ngettext(
                "{n} deal gets an objection, on the stage it came from.",
                "{n} deals get an objection, on the stage they came from.",
                marked,
            )
            lines = [_sent_on(count, target), told]
        case MoveSourceToField():
            told = ngettext("{n} deal gets the source.", "{n} deals get the source.", marked)
            lines = [told, _sent_on(count, target)]
        case CloseWithReason():
            lines = _closing(count, target, preview.links)
        case SplitPipeline():
            lines = [
                ngettext(
                    "{n} open deal goes along with its stage.", "{n} open deals go along with their stages.", count
                )
            ]
        case AllowSkip():
            roles = ", ".join(label(role) for role in preview.banned)
            lines = [_("What an exception forbids stays forbidden, to: {roles}.", roles=roles)] if roles else []
        case AddLink(LinkTrigger.WON):
            lines = [_("Each won deal is copied there; the deal itself stays.")]
        case AddLink():
            lines = [_("Each lost deal is copied there; the deal itself stays.")]
        case _:
            lines = []
    if len(preview.stages_before) != len(preview.stages_after):
        lines.append(_("Past stays keep their stage: history and reports stay whole."))
    return lines


def _sent_on(count: int, target: str) -> str:
    if not count:
        return _("No open deal stands here.")
    return ngettext("{n} open deal goes to “{stage}”.", "{n} open deals go to “{stage}”.", count, stage=target)


def _closing(count: int, target: str, links: tuple[str, ...]) -> list[str]:
    closed = ngettext(
        "{n} open deal is closed as “{stage}”.", "{n} open deals are closed as “{stage}”.", count, stage=target
    )
    if links:
        return [closed, _("By its links they come back in: {pipelines}.", pipelines=", ".join(links))]
    return [closed, _("No link leads on from here: nobody will be reminded of these clients.")] if count else [closed]


def stage_name(pipeline: PipelineInfo, stage_id: int) -> str:
    """Return the name of a stage of the pipeline."""
    stage = pipeline.stage(stage_id)
    return stage.name if stage else "?"
