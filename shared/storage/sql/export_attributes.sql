-- Every attribute that an organization ever defined, deleted ones too.
SELECT attribute, state
FROM {generation}.attributes
WHERE organization_id = %(organization_id)s
