"""What HTTP processes have at their edge: who asks, how often, refusals, metrics, serving."""
