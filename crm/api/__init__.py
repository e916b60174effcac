"""The HTTP edge: sign-in pages, the guard in front of everything, the REST API."""
