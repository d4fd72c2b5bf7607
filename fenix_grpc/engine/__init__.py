"""The imperative shell of sessions: appends what was decided, performs steps, waits. It decides nothing itself."""
