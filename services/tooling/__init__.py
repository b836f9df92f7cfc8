"""The operator's command line: one module a command, registered in `__main__`."""
