"""Descriptions: pipelines written as TOML or as a bare list of stages, read, looked at and written back."""

from __future__ import annotations

from crm.pipelines.descriptions.infos import described_links, described_pipelines
from crm.pipelines.descriptions.reading import description_from_names, description_from_text, read_description
from crm.pipelines.descriptions.values import Description, Text

__all__ = [
    "Description",
    "Text",
    "described_links",
    "described_pipelines",
    "description_from_names",
    "description_from_text",
    "read_description",
]
