"""Judging stage names: is it a finished action, is it a swamp, a source, a trash can, a person, an objection."""

from __future__ import annotations

from crm.pipelines.linter.names.judge import judge_name
from crm.pipelines.linter.names.verdict import LANGUAGES, NameVerdict

__all__ = ["LANGUAGES", "NameVerdict", "judge_name"]
