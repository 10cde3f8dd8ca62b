"""Carries executions to their end: how many at once, which step next, and how to stop."""
