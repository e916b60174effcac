"""Turns a record as typed into evidence that can be compared."""

from crm.matching.normalise.evidence import NORM_VERSION, Evidence, Misplaced, evidence_from_json
from crm.matching.normalise.reading import make_evidence

__all__ = ["NORM_VERSION", "Evidence", "Misplaced", "evidence_from_json", "make_evidence"]
