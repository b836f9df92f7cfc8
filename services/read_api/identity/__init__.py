"""Who may read what: admission of every request, tokens for API keys, `/v1/whoami`."""
