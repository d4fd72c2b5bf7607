"""Real servers on real databases while everything around them goes wrong: `make chaos`, and a small version of it."""
