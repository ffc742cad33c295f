-- The tables of Marten's event store, column for column, so that a team with Marten can open the same database. What begins with ap_ is ours.
CREATE SCHEMA IF NOT EXISTS accessplane;

CREATE TABLE IF NOT EXISTS accessplane.mt_streams (
    id          uuid                     NOT NULL,
    type        varchar                  NULL,
    version     bigint                   NULL,
    timestamp   timestamp with time zone NOT NULL DEFAULT now(),
    created     timestamp with time zone NOT NULL DEFAULT now(),
    tenant_id   varchar                  DEFAULT '*DEFAULT*',
    is_archived boolean                  DEFAULT false,
    CONSTRAINT pkey_mt_streams_id PRIMARY KEY (id)
);

-- INVARIANT: no cache. A number from a session's cache may be below one that another session drew earlier, and readers would be past it.
CREATE SEQUENCE IF NOT EXISTS accessplane.mt_events_sequence AS bigint CACHE 1;

CREATE TABLE IF NOT EXISTS accessplane.mt_events (
    seq_id         bigint                   NOT NULL,
    id             uuid                     NOT NULL,
    stream_id      uuid                     NULL,
    version        bigint                   NOT NULL,
    data           jsonb                    NOT NULL,
    bdata          bytea                    NULL,
    type           varchar(500)             NOT NULL,
    timestamp      timestamp with time zone NOT NULL DEFAULT now(),
    tenant_id      varchar                  DEFAULT '*DEFAULT*',
    mt_dotnet_type varchar                  NULL,
    correlation_id varchar                  NULL,
    causation_id   varchar                  NULL,
    headers        jsonb                    NULL,
    is_archived    boolean                  DEFAULT false,
    CONSTRAINT pkey_mt_events_seq_id PRIMARY KEY (seq_id)
    -- Marten's foreign key to mt_streams is left out: its ON DELETE CASCADE would let one row take a stream's whole evidence with it
);
CREATE UNIQUE INDEX IF NOT EXISTS pk_mt_events_stream_and_version ON accessplane.mt_events (stream_id, version);
CREATE INDEX IF NOT EXISTS ap_mt_events_type ON accessplane.mt_events (type, seq_id);
-- what a stream is about, by its first event: how the audit finds all events about a resource or a person
CREATE INDEX IF NOT EXISTS ap_mt_events_subject ON accessplane.mt_events ((coalesce(data ->> 'resource', data #>> '{on,resource}'))) WHERE version = 1;
ALTER SEQUENCE accessplane.mt_events_sequence OWNED BY accessplane.mt_events.seq_id;

CREATE OR REPLACE FUNCTION accessplane.ap_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log only grows: % of % is refused', lower(TG_OP), TG_TABLE_NAME;
END
$$;
CREATE OR REPLACE TRIGGER ap_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON accessplane.mt_events
    FOR EACH STATEMENT EXECUTE FUNCTION accessplane.ap_only_grows();

CREATE TABLE IF NOT EXISTS accessplane.mt_event_progression (
    name         varchar                  NOT NULL,
    last_seq_id  bigint                   NULL,
    last_updated timestamp with time zone DEFAULT transaction_timestamp(),
    CONSTRAINT pk_mt_event_progression PRIMARY KEY (name)
);

-- Commands that were carried out, by their id, and where their events ended. Forgotten after a week: nothing is tried again for that long.
CREATE TABLE IF NOT EXISTS accessplane.ap_commands (
    id       uuid                     NOT NULL PRIMARY KEY,
    position bigint                   NULL,
    at       timestamp with time zone NOT NULL DEFAULT now()
);

CREATE INDEX IF NOT EXISTS ap_commands_at ON accessplane.ap_commands (at);

-- Which history this is follows from the log's own events.
DROP TABLE IF EXISTS accessplane.log_epoch;

-- What the first versions made otherwise, and nothing above replaces. Only where it is so: each of these waits for all who read.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_constraint WHERE conname = 'fkey_mt_events_stream_id' AND conrelid = 'accessplane.mt_events'::regclass) THEN
        ALTER TABLE accessplane.mt_events DROP CONSTRAINT fkey_mt_events_stream_id;
    END IF;
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'accessplane.mt_streams'::regclass AND attname = 'snapshot' AND NOT attisdropped) THEN
        ALTER TABLE accessplane.mt_streams DROP COLUMN snapshot, DROP COLUMN snapshot_version;
    END IF;
    IF pg_get_function_result(to_regprocedure('accessplane.ap_read(bigint, text[], integer)')) NOT LIKE 'TABLE(through %' THEN
        DROP FUNCTION accessplane.ap_read(bigint, text[], integer);
    END IF;
    DROP FUNCTION IF EXISTS accessplane.ap_append(uuid[], text[], bigint[], integer[], uuid[], text[], text[], timestamptz, text, text, text, uuid);
END
$$;

-- The number drawn last; 0 before the first.
-- INVARIANT: never by SELECT last_value. While a sequence is written ahead to the WAL, its row holds a number up to 32 above what anybody has drawn, and
-- a SELECT reads the row without the lock that hides this. Who believes it passes by the events that get these numbers.
CREATE OR REPLACE FUNCTION accessplane.ap_drawn() RETURNS bigint
LANGUAGE sql VOLATILE AS $$ SELECT coalesce(pg_sequence_last_value('accessplane.mt_events_sequence'), 0) $$;

-- Appends to streams whose versions are as expected, or to none: one statement, one round trip.
--
-- INVARIANT (why no reader ever skips an event that commits late): before an append draws its first number, it takes a shared advisory lock
-- whose key holds the number drawn last; the lock goes with the transaction, after its events have become visible. So every number that was
-- drawn and whose events cannot be seen yet lies above the key of a lock that is held. ap_settled() reads the number drawn last first, then the
-- locks, and only a later snapshot reads events: whatever lies at or below both is there to be seen, or will never be.
-- No lock is waited for, so that appends commit side by side.
CREATE OR REPLACE FUNCTION accessplane.ap_append(
    streams uuid[], stream_types text[], expected bigint[], event_streams integer[], event_ids uuid[], event_types text[], dotnet_types text[],
    event_data text[], at timestamptz, correlation text, causation text, header text, command uuid)
RETURNS TABLE (outcome text, "position" bigint, stream uuid, actual bigint)
LANGUAGE plpgsql AS $append$
#variable_conflict use_column
DECLARE
    turns integer[] := ARRAY[1]; i integer; n integer; found_version bigint; last bigint;
BEGIN
    IF command IS NOT NULL THEN
        INSERT INTO accessplane.ap_commands (id, at) VALUES (command, at) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            RETURN QUERY SELECT 'repeated', c.position, NULL::uuid, NULL::bigint FROM accessplane.ap_commands c WHERE c.id = command;
            RETURN;
        END IF;
    END IF;

    IF cardinality(streams) > 1 THEN
        -- in the order of ids, so that two appends to the same streams wait for each other instead of dying together
        SELECT array_agg(s.ordinality ORDER BY s.id) INTO turns FROM unnest(streams) WITH ORDINALITY s (id, ordinality);
    END IF;
    FOREACH i IN ARRAY turns LOOP
        n := cardinality(array_positions(event_streams, i));
        IF expected[i] = 0 THEN
            INSERT INTO accessplane.mt_streams (id, type, version, timestamp, created) VALUES (streams[i], stream_types[i], n, at, at) ON CONFLICT DO NOTHING;
        ELSE
            UPDATE accessplane.mt_streams SET version = version + n, timestamp = at WHERE id = streams[i] AND version = expected[i];
        END IF;
        IF NOT FOUND THEN
            SELECT version INTO found_version FROM accessplane.mt_streams WHERE id = streams[i];
            -- the hint carries which stream and where it is: a detail may hold data, and is kept back by the driver
            RAISE EXCEPTION 'conflict' USING ERRCODE = 'AP409', HINT = streams[i] || ' ' || coalesce(found_version, 0);
        END IF;
    END LOOP;

    -- nobody takes it for himself alone, so that it is there at once; an expression is no statement of its own
    IF NOT pg_try_advisory_xact_lock_shared(accessplane.ap_in_flight(accessplane.ap_drawn())) THEN
        RAISE EXCEPTION 'the lock of an append is held by something else';
    END IF;

    IF cardinality(event_streams) = 1 THEN
        -- most appends: nothing to sort or to number
        INSERT INTO accessplane.mt_events (seq_id, id, stream_id, version, data, type, mt_dotnet_type, timestamp, correlation_id, causation_id, headers)
        VALUES (nextval('accessplane.mt_events_sequence'), event_ids[1], streams[1], expected[1] + 1, event_data[1]::jsonb, event_types[1], dotnet_types[1], at, correlation, causation, header::jsonb);
    ELSE
        INSERT INTO accessplane.mt_events (seq_id, id, stream_id, version, data, type, mt_dotnet_type, timestamp, correlation_id, causation_id, headers)
        SELECT nextval('accessplane.mt_events_sequence'), e.id, streams[e.stream],
               expected[e.stream] + row_number() OVER (PARTITION BY e.stream ORDER BY e.ordinality), e.data::jsonb, e.type, e.dotnet_type, at, correlation, causation, header::jsonb
        FROM unnest(event_streams, event_ids, event_types, dotnet_types, event_data) WITH ORDINALITY e (stream, id, type, dotnet_type, data, ordinality)
        ORDER BY e.ordinality;
    END IF;
    last := currval('accessplane.mt_events_sequence');

    IF command IS NOT NULL THEN
        UPDATE accessplane.ap_commands SET position = last WHERE id = command;
    END IF;
    outcome := 'done';
    "position" := last;
    RETURN NEXT;
END
$append$;

-- The key of an append's lock: a tag in the upper 16 bits, the number drawn last in the lower 48.
CREATE OR REPLACE FUNCTION accessplane.ap_in_flight(drawn bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT (16721::bigint << 48) | drawn $$;

-- The position up to which nothing can appear any more. Its statements must each see the present: READ COMMITTED only.
CREATE OR REPLACE FUNCTION accessplane.ap_settled() RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $settled$
DECLARE
    drawn bigint; below bigint;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the log is read under READ COMMITTED';
    END IF;
    drawn := accessplane.ap_drawn();
    SELECT min(((classid::bigint & 65535) << 32) | objid::bigint) INTO below FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (classid::bigint >> 16) = 16721;
    RETURN least(drawn, coalesce(below, drawn));
END
$settled$;

-- The settled events after a position, in one round trip. Pages are bounded in bytes too, because transcripts come in large events; the first
-- event comes whatever its size. `through`: up to there nothing of these types is missing. `more`: the page ended before the settled log did.
CREATE OR REPLACE FUNCTION accessplane.ap_read(after bigint, types text[], most integer)
RETURNS TABLE (through bigint, more boolean, seq_id bigint, stream_id uuid, version bigint, id uuid, at timestamptz, type varchar, data text, headers text, correlation_id varchar, causation_id varchar)
LANGUAGE plpgsql VOLATILE AS $read$
#variable_conflict use_column
DECLARE
    up_to bigint; page_end bigint;
    n integer; taken integer; last bigint;
BEGIN
    -- most who ask have all there is: no number was drawn since
    IF accessplane.ap_drawn() <= after THEN
        RETURN QUERY SELECT after, false, NULL::bigint, NULL::uuid, NULL::bigint, NULL::uuid, NULL::timestamptz, NULL::varchar, NULL::text, NULL::text, NULL::varchar, NULL::varchar;
        RETURN;
    END IF;
    up_to := accessplane.ap_settled();
    page_end := up_to;
    -- sizes first, of what is stored: a value that is not part of the page is never unpacked
    SELECT count(*), count(*) FILTER (WHERE p.before < 1048576), max(p.seq_id) FILTER (WHERE p.before < 1048576) INTO n, taken, last
    FROM (SELECT e.seq_id, sum(e.size) OVER (ORDER BY e.seq_id) - e.size AS before
          FROM (SELECT e.seq_id, pg_column_size(e.data) AS size FROM accessplane.mt_events e
                WHERE e.seq_id > after AND e.seq_id <= up_to AND (types IS NULL OR e.type = ANY (types))
                ORDER BY e.seq_id LIMIT most) e) p;
    IF taken = most OR taken < n THEN
        page_end := last;
    END IF;
    IF taken = 0 THEN
        RETURN QUERY SELECT greatest(up_to, after), false, NULL::bigint, NULL::uuid, NULL::bigint, NULL::uuid, NULL::timestamptz, NULL::varchar, NULL::text, NULL::text, NULL::varchar, NULL::varchar;
    ELSE
        -- a later snapshot, and the same rows: what is settled does not change any more
        RETURN QUERY
        SELECT page_end, page_end < up_to, e.seq_id, e.stream_id, e.version, e.id, e.timestamp, e.type, e.data::text, e.headers::text, e.correlation_id, e.causation_id
        FROM accessplane.mt_events e
        WHERE e.seq_id > after AND e.seq_id <= page_end AND (types IS NULL OR e.type = ANY (types))
        ORDER BY e.seq_id;
    END IF;
END
$read$;

-- What may come once: Idempotency-Keys with the hash of their body, tokens of reviews with the hash of their message. Operational;
-- forgotten after a week.
CREATE TABLE IF NOT EXISTS accessplane.once (
    id uuid PRIMARY KEY,
    content bytea NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS once_at ON accessplane.once (at);

-- Where a bot's messages in Slack stand whose buttons decide something yet. Operational: losing it leaves buttons that decide nothing.
CREATE TABLE IF NOT EXISTS accessplane.slack_messages (
    destination text        NOT NULL,
    about       uuid        NOT NULL,
    news        text        NOT NULL,
    channel     text        NOT NULL,
    ts          text        NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (destination, news)
);
CREATE INDEX IF NOT EXISTS slack_messages_about ON accessplane.slack_messages (destination, about);

-- How far each agent is. Operational: losing it costs a catch-up of every agent and nothing else.
CREATE TABLE IF NOT EXISTS accessplane.agent_progress (
    agent    text        NOT NULL PRIMARY KEY,
    head     bigint      NOT NULL DEFAULT 0,
    applied  bigint      NOT NULL DEFAULT 0,
    lease_at timestamptz NULL
);
-- which of its processes has the lease
ALTER TABLE accessplane.agent_progress ADD COLUMN IF NOT EXISTS lease_owner jsonb NULL;
ALTER TABLE accessplane.agent_progress ADD COLUMN IF NOT EXISTS condition jsonb NULL;
