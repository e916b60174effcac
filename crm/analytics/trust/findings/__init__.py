"""Every finding of data trust, in the order they are shown: of now, then of the period."""

from crm.analytics.trust.findings.born_late import FINDING as BORN_LATE
from crm.analytics.trust.findings.burst import FINDING as BURST
from crm.analytics.trust.findings.by_hand import FINDING as BY_HAND
from crm.analytics.trust.findings.empty_field import FINDING as EMPTY_FIELD
from crm.analytics.trust.findings.invalid import FINDING as INVALID
from crm.analytics.trust.findings.late_close import FINDING as LATE_CLOSE
from crm.analytics.trust.findings.late_move import FINDING as LATE_MOVE
from crm.analytics.trust.findings.late_step import FINDING as LATE_STEP
from crm.analytics.trust.findings.no_amount import FINDING as NO_AMOUNT
from crm.analytics.trust.findings.no_source import FINDING as NO_SOURCE
from crm.analytics.trust.findings.no_step import FINDING as NO_STEP
from crm.analytics.trust.findings.rule_passed import FINDING as RULE_PASSED
from crm.analytics.trust.findings.skipped import FINDING as SKIPPED
from crm.analytics.trust.findings.sterile import FINDING as STERILE
from crm.analytics.trust.findings.too_long import FINDING as TOO_LONG
from crm.analytics.trust.findings.went_back import FINDING as WENT_BACK
from crm.analytics.trust.values import Finding

FINDINGS: tuple[Finding, ...] = (
    NO_STEP,
    LATE_STEP,
    EMPTY_FIELD,
    TOO_LONG,
    LATE_MOVE,
    LATE_CLOSE,
    BURST,
    SKIPPED,
    BORN_LATE,
    WENT_BACK,
    RULE_PASSED,
    STERILE,
    NO_AMOUNT,
    INVALID,
    NO_SOURCE,
    BY_HAND,
)


def finding_of(code: str) -> Finding:
    """Return a finding by its code; an unknown one is a programming error (StopIteration)."""
    return next(one for one in FINDINGS if one.code == code)
