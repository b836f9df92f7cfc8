-- One part of a file; null where it is gone.
SELECT
    installation.live_generation,
    (
        SELECT body
        FROM callfold.export_parts
        WHERE organization_id = %(organization_id)s
            AND export_id = %(export_id)s
            AND part = %(part)s::integer
    ) AS body
FROM callfold.installation
