"""Version 1 of the REST API: one module per resource, over the same commands and reads as the pages."""
