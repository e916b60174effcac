"""Benchmarks: a generated base of a million deals, and the times of what people do on it."""
