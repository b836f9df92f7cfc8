-- Which files were asked for of an execution, newest first; or one of them.
SELECT
    installation.live_generation,
    (
        SELECT
            json_agg(
                json_build_object(
                    'export_id', export_id,
                    'execution_id', execution_id,
                    'kind', kind,
                    'format', format,
                    'profile', profile,
                    'status', status,
                    'error', error,
                    'requested_ms', (extract(epoch FROM requested_at) * 1000)::bigint,
                    'started_ms', (extract(epoch FROM started_at) * 1000)::bigint,
                    'finished_ms', (extract(epoch FROM finished_at) * 1000)::bigint,
                    'expires_ms', (extract(epoch FROM expires_at) * 1000)::bigint,
                    'as_of_ms', as_of_ms,
                    'rows', rows,
                    'rows_total', rows_total,
                    'bytes', bytes,
                    'sha256', encode(sha256, 'hex')
                )
                ORDER BY requested_at DESC, export_id
            )
        FROM callfold.exports
        WHERE organization_id = %(organization_id)s
            AND execution_id = %(execution_id)s
            AND (%(export_id)s::text IS NULL OR export_id = %(export_id)s::text)
    )::text AS jobs
FROM callfold.installation
