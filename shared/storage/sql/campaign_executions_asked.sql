-- Part of a campaign's list of attempts: calls and lone SMS of one status, from a place on.
(attempt.campaign_status = %(status)s OR %(status)s::text IS NULL)
            AND attempt.started_us <= %(before_us)s::bigint
            AND (attempt.started_us, attempt.number)
                < (%(before_us)s::bigint, %(before_number)s::bigint)
