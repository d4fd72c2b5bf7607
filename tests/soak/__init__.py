"""Many small random sessions with everything going wrong that can be made to go wrong: `python -m tests.soak`."""
