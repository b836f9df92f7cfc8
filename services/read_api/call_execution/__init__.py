"""Call executions (reports.md): `/executions/{execution_id}`, those of an agent or a batch."""
