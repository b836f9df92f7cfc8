"""Laws of the SQL that computes figures anew."""
