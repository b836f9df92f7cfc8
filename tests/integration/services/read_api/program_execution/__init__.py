"""The program-execution reports over HTTP."""
