"""Measurements: `python -m benchmarks` says what can be measured."""
