"""Benchmarks: `python -m renderih_lib.bench NAME [--json]`; ratios are taken within one run."""
