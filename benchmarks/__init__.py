"""How fast the engine and the policy reader are: `python -m benchmarks`. See README.md."""
