-- The keys that sign access tokens: the one of this period, and the one before it, whose last
-- tokens may still be under way.
SELECT json_agg(
    json_build_object(
        'is_current', period = this.number, 'private_jwk', private_jwk::json
    )
    ORDER BY period
)::text
FROM callfold.signing_keys
CROSS JOIN (SELECT floor(extract(EPOCH FROM now()) / %(period_s)s)::bigint AS number) AS this
WHERE period >= this.number - 1
