-- Every event of the log as it was published, in the order in which it was read.
CREATE TABLE entries (
    arrival BIGINT, partition INTEGER, ms BIGINT, seq UBIGINT,
    organization_id VARCHAR, kind VARCHAR, subject VARCHAR, source VARCHAR, id VARCHAR,
    type VARCHAR, rank INTEGER, time_us BIGINT, execution_id VARCHAR,
    -- Payload keys; what a type does not say is null.
    amount_nano HUGEINT, answered_by VARCHAR, attempt BIGINT, audience_id VARCHAR,
    component VARCHAR, contact_id VARCHAR, digits VARCHAR, direction VARCHAR,
    duration_ms HUGEINT, edges JSON, flow_id VARCHAR, flow_name VARCHAR, flow_outcome VARCHAR,
    flow_version BIGINT, from_number VARCHAR, name VARCHAR, node_id VARCHAR, node_type VARCHAR,
    nodes JSON, outcome VARCHAR, program_id VARCHAR, reason VARCHAR, scheduled_start_at VARCHAR,
    scheduled_stop_at VARCHAR, start_node_id VARCHAR, step_id VARCHAR, to_number VARCHAR,
    version BIGINT
);

-- At equal times the later in this list wins (events.md, rule 3 and section 3).
CREATE TABLE types AS
SELECT type, row_number() OVER () AS rank
FROM (
    SELECT unnest([
        'flow.published', 'attribute.defined', 'attribute.deleted',
        'execution.scheduled', 'execution.started', 'execution.paused', 'execution.resumed',
        'execution.completed', 'execution.stopped', 'execution.cancelled',
        'contact.updated', 'contact.enrolled', 'contact.queued', 'contact.calling',
        'contact.retry_scheduled', 'contact.completed', 'contact.failed', 'contact.skipped',
        'call.initiated', 'call.ringing', 'call.answered', 'call.amd_completed', 'call.ended',
        'call.finalized', 'call.transferred', 'call.transcribed', 'call.analyzed',
        'call.recorded', 'call.recording_transcribed', 'call.charged',
        'run.started', 'run.ended', 'node.entered', 'node.exited', 'dtmf.received',
        'variable.set', 'sms.requested', 'sms.sent', 'sms.delivered', 'sms.failed'
    ]) AS type
);

-- What is compared, and what is served: filled by whoever asks.
CREATE TABLE chosen (organization_id VARCHAR, execution_id VARCHAR);
CREATE TABLE served (
    organization_id VARCHAR, execution_id VARCHAR, figure VARCHAR, value VARCHAR
);
CREATE TABLE served_calls (
    organization_id VARCHAR, execution_id VARCHAR, call_id VARCHAR, place BIGINT,
    contact_id VARCHAR, from_number VARCHAR, to_number VARCHAR, direction VARCHAR,
    attempt VARCHAR, status VARCHAR, outcome VARCHAR, started_at VARCHAR, ended_at VARCHAR,
    duration_ms VARCHAR, total_cost VARCHAR
);

-- The entries that each state remembers, as pairs of milliseconds and sequence.
CREATE TABLE journals (
    kind VARCHAR, organization_id VARCHAR, subject VARCHAR, partition INTEGER,
    positions UBIGINT[][]
);

-- Stretches of the log that cannot be read.
CREATE TABLE unreadable (
    partition INTEGER, first_ms BIGINT, first_seq UBIGINT, last_ms BIGINT, last_seq UBIGINT
);

-- Organizations of which the log does not hold all events.
CREATE TABLE lacking (organization_id VARCHAR);
