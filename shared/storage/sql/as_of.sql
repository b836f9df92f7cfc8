-- Part of other queries: the instant up to which every entry received is folded, in milliseconds.
(
    SELECT min(
        CASE
            WHEN COALESCE(positions.ms, 0) = lanes.ms
                AND COALESCE(positions.seq, 0) = lanes.seq
            THEN GREATEST(lanes.vouched_ms, lanes.ms - 1)
            ELSE COALESCE(positions.ms, 0) - 1
        END
    )
    FROM callfold.lanes
    LEFT JOIN {generation}.positions USING (lane)
)
