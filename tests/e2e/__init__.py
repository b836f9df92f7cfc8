"""One story per file, told with real processes on real servers."""
