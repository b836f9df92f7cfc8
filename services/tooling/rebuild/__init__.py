"""`callfold rebuild` and its kin: generations are built, compared, switched and dropped."""
