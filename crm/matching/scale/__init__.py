"""Splink as an optional extra: a second opinion, training without labels, the path past one machine."""
