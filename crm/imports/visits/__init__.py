"""Histories of deals as input: rows that say which deal came to which stage, when, and whose it was."""
