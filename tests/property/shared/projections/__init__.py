"""Laws of what is kept: rows, contributions and tallies, however the events arrive."""
