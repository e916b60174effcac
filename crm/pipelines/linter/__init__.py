"""The linter of pipelines: findings, their fixes, the score."""
