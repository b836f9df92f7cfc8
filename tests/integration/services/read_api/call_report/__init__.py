"""Reports of single calls over HTTP, folded from events."""
