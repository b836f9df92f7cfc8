"""All tests by cost: unit, property, contract, integration, e2e, bench; each mirrors the source."""
