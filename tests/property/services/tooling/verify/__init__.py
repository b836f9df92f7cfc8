"""Laws of the second computation."""
