"""Tests mirror the folders of crm/ and pages/."""
