"""Tests of the arithmetic of reports, with rows and figures made by hand."""
