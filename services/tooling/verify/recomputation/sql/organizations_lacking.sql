-- Of which organizations does the log lack events?
SELECT DISTINCT organization_id FROM lost_entries;
