"""Descriptions: pipelines written as TOML or as a bare list of stages, read, looked at and written back."""

from __future__ import annotations

from crm.pipelines.descriptions.creation import create_from_description
from crm.pipelines.descriptions.infos import described_links, described_map, described_pipelines
from crm.pipelines.descriptions.reading import (
    description_from_names,
    description_from_text,
    is_bare_list,
    read_description,
)
from crm.pipelines.descriptions.values import Description, Text
from crm.pipelines.descriptions.writing import describe_pipelines

__all__ = [
    "Description",
    "Text",
    "create_from_description",
    "describe_pipelines",
    "described_links",
    "described_map",
    "described_pipelines",
    "description_from_names",
    "description_from_text",
    "is_bare_list",
    "read_description",
]
