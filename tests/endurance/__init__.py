"""One server at work for an hour or more, looked at from outside: what it holds must not grow."""
