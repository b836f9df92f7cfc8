-- How numbers and instants are said by every report (reports.md, Common rules).
CREATE MACRO instant_us(said) AS epoch_us(CAST(
    CASE
        WHEN length(said) <= length('2025-01-01T00:00:00.000000Z') THEN upper(said)
        -- Digits beyond the microsecond are cut off (events.md, section 1).
        ELSE regexp_replace(upper(said), '([.][0-9]{6})[0-9]+', '\1')
    END
    AS TIMESTAMPTZ
));

-- The nearest integer, halves away from zero; `divisor` is positive.
CREATE MACRO half_up(dividend, divisor) AS
    sign(dividend)::HUGEINT
    * ((2 * abs(dividend::HUGEINT) + divisor::HUGEINT) // (2 * divisor::HUGEINT));

-- The shortest exact text of an integer that counts parts of one, `decimals` digits of them.
CREATE MACRO decimal_text(parts, unit, decimals) AS
    CASE WHEN parts < 0 THEN '-' ELSE '' END
    || (abs(parts::HUGEINT) // unit::HUGEINT)::VARCHAR
    || regexp_replace(
        '.' || lpad((abs(parts::HUGEINT) % unit::HUGEINT)::VARCHAR, decimals, '0'), '[.]?0+$', ''
    );

CREATE MACRO money(nano) AS decimal_text(nano, 1000000000, 9);

CREATE MACRO percentage(part, whole) AS
    CASE
        WHEN whole = 0 THEN '0'
        ELSE decimal_text(half_up(part::HUGEINT * 10000, whole), 100, 2)
    END;

-- An average over nothing is 0.
CREATE MACRO average_ms(total_ms, counted) AS
    CASE WHEN counted = 0 THEN '0' ELSE half_up(total_ms, counted)::VARCHAR END;

CREATE MACRO average_money(nano, counted) AS
    CASE
        WHEN counted = 0 THEN '0'
        ELSE decimal_text(half_up(nano, 1000 * counted::HUGEINT), 1000000, 6)
    END;

-- UTC with truncated milliseconds.
CREATE MACRO instant_text(us) AS
    strftime(make_timestamp(us), '%Y-%m-%dT%H:%M:%S')
    || '.' || lpad(((((us % 1000000) + 1000000) % 1000000) // 1000)::VARCHAR, 3, '0') || 'Z';
