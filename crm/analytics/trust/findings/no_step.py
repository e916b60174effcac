"""Open deals with nothing agreed: no step lies ahead."""

from crm.analytics.trust.values import Finding, Subject
from crm.pipelines.linter.behaviour import no_task

FINDING = Finding(code="no_step", subject=Subject.OPEN, weight=15, found=lambda facts: no_task(facts.now))
