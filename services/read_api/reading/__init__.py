"""How a report is found and sent: kept while nothing it reads has changed, fresh otherwise."""
