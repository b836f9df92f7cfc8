"""Parts of the projector that need no server."""
