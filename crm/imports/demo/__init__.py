"""A sales department to look around in, put in whole and taken out without a trace."""

from crm.imports.demo.filling import clear_demo, demo_is_there, fill_demo

__all__ = ["clear_demo", "demo_is_there", "fill_demo"]
