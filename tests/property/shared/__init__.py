"""Laws of the pure core."""
