"""The way of the data: contracts → delivery → folds → projections → reports → storage."""
