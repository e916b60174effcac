"""Bringing tables from outside in: reading files, mapping columns, judging rows, writing, undoing."""
