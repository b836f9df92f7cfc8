-- Which events are parked, a chunk at a time in the order of lane and digest?
SELECT
    lane, digest, reason, detail, organization_id, source, event_type, subject,
    first_ms, first_seq, last_ms, last_seq, entries, mode, length_bytes, sha256, parked_at,
    resolved_at, resolution, resolved_by, note, retried_as, body IS NOT NULL AS has_body
FROM callfold.parked_events
WHERE (lane, digest) > (%(after_lane)s::int, %(after_digest)s::bytea)
    AND (lane, digest) <= (%(to_lane)s::int, %(to_digest)s::bytea)
    AND (%(with_resolved)s::boolean OR resolved_at IS NULL)
    AND (%(reason)s::text IS NULL OR reason = %(reason)s::text)
    AND (%(organization_id)s::text IS NULL OR organization_id = %(organization_id)s::text)
    AND (%(source)s::text IS NULL OR source = %(source)s::text)
    AND last_ms >= %(since_ms)s::bigint
ORDER BY lane, digest
LIMIT %(limit)s::bigint
