"""Measurements, each beside a yardstick of the same run: `python -m tests.bench [names...]`, or `make bench`.

Nothing here asserts on times. docs/benchmarks.md tells how to read what is printed.
"""
