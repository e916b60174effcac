"""Users, passwords, sessions, roles and what they see."""
