"""The event contract: what is accepted, what is parked, and the documents about it."""
