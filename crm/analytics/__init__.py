"""Figures over deals and their stays: each number comes with the deals behind it."""
