"""Workflow executions: `/v1/accounts/{accountId}/workflows/{workflowId}/executions…`."""
