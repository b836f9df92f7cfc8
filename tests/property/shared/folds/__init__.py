"""Laws of the folds: order, continuation, and who wins."""
