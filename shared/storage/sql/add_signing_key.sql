-- Adds the key of this period, unless another process was first; forgets those that are over.
WITH this AS (
    SELECT floor(extract(EPOCH FROM now()) / %(period_s)s)::bigint AS number
), over AS (
    DELETE FROM callfold.signing_keys USING this WHERE period < this.number - 1
)
INSERT INTO callfold.signing_keys (period, key_id, private_jwk)
SELECT this.number, %(key_id)s, %(private_jwk)s FROM this
ON CONFLICT (period) DO NOTHING
RETURNING key_id
