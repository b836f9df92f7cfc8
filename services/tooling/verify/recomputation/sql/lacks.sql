-- The log lacks events of one more organization.
INSERT INTO lacking VALUES ($organization_id);
