"""Tells which records mean the same person, company or purchase."""
