"""Decisions about sessions as pure functions over frozen values: no I/O, no clock, no logging, no protobuf."""
