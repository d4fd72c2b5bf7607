"""Generated stubs of proto/fenix/v1. Made by `make gen`, never edited."""
