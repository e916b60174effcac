"""Pipelines, stages, custom fields, reasons of loss, and the rules a move must keep."""
