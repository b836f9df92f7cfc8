"""Executions and how far they are: `/program-executions` beside the program-execution reports."""
