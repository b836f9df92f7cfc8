"""Executions and how far they are over HTTP, folded from events."""
