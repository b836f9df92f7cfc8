"""Laws that hold for every set of valid events, on events that Hypothesis makes up."""
