"""`callfold replay`: what the log says of one subject, or of an execution's reports."""
