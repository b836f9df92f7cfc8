-- Whose key is this, what may it do, and is its last use noted recently enough?
SELECT
    organization_id,
    secret_sha256,
    scopes,
    expires_at,
    revoked_at,
    COALESCE(last_used_at > now() - make_interval(secs => %(noted_s)s::float), FALSE) AS noted
FROM callfold.api_keys
WHERE key_id = %(key_id)s
