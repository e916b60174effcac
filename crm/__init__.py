"""Voronka CRM: rooms of the domain, the floor under them and the edges over them."""
