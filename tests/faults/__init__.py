"""Faults F1 to F27 of the engine's programme: real processes, real servers, judged by oracles."""
