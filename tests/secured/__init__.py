"""Everything on servers as they are in production: TLS alone, users with what they need alone."""
