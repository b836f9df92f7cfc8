"""`GET /v1/attempts/{attemptId}/events`: the events behind an attempt, as they were published."""
