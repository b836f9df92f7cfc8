"""Campaigns: `/api/v1/campaigns/{campaign_id}/…` (reports.md, Campaign executions)."""
