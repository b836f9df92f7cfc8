"""Laws of the services."""
