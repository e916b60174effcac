"""The command line: `python -m crm.cli <command>`; one module per topic, one tuple of topics."""
