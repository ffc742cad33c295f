-- A log as the first version made it: its tables and functions word for word (up to where this says so), then events as it wrote them.
-- The tables of Marten's event store, column for column, so that a team with Marten can open the same database. What begins with ap_ is ours.
CREATE SCHEMA IF NOT EXISTS accessplane;

CREATE TABLE IF NOT EXISTS accessplane.mt_streams (
    id          uuid                     NOT NULL,
    type        varchar                  NULL,
    version     bigint                   NULL,
    timestamp   timestamp with time zone NOT NULL DEFAULT now(),
    snapshot    jsonb                    NULL,
    snapshot_version integer             NULL,
    created     timestamp with time zone NOT NULL DEFAULT now(),
    tenant_id   varchar                  DEFAULT '*DEFAULT*',
    is_archived boolean                  DEFAULT false,
    CONSTRAINT pkey_mt_streams_id PRIMARY KEY (id)
);

CREATE SEQUENCE IF NOT EXISTS accessplane.mt_events_sequence;

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
    CONSTRAINT pkey_mt_events_seq_id PRIMARY KEY (seq_id),
    CONSTRAINT fkey_mt_events_stream_id FOREIGN KEY (stream_id) REFERENCES accessplane.mt_streams (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX IF NOT EXISTS pk_mt_events_stream_and_version ON accessplane.mt_events (stream_id, version);
CREATE INDEX IF NOT EXISTS ap_mt_events_type ON accessplane.mt_events (type, seq_id);
ALTER SEQUENCE accessplane.mt_events_sequence OWNED BY accessplane.mt_events.seq_id;

CREATE TABLE IF NOT EXISTS accessplane.mt_event_progression (
    name         varchar                  NOT NULL,
    last_seq_id  bigint                   NULL,
    last_updated timestamp with time zone DEFAULT transaction_timestamp(),
    CONSTRAINT pk_mt_event_progression PRIMARY KEY (name)
);

-- Commands that were carried out, by their id, and where their events ended.
CREATE TABLE IF NOT EXISTS accessplane.ap_commands (
    id       uuid                     NOT NULL PRIMARY KEY,
    position bigint                   NULL,
    at       timestamp with time zone NOT NULL DEFAULT now()
);

-- Which history this is: raised by an operator who restored an old backup on purpose, and by nobody else.
CREATE TABLE IF NOT EXISTS accessplane.log_epoch (
    one   boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (one),
    epoch bigint  NOT NULL
);
INSERT INTO accessplane.log_epoch (epoch) VALUES (1) ON CONFLICT DO NOTHING;

-- Appends to streams whose versions are as expected, or to none: one statement, one round trip.
--
-- INVARIANT (why no reader ever skips an event that commits late): before an append draws its first number, it takes a shared advisory lock
-- whose key holds the number drawn last; the lock goes with the transaction, after its events have become visible. So every number that was
-- drawn and whose events cannot be seen yet lies above the key of a lock that is held. ap_settled() reads the number drawn last first, then the
-- locks, and only a later snapshot reads events: whatever lies at or below both is there to be seen, or will never be.
-- No lock is waited for, so that appends commit side by side.
CREATE OR REPLACE FUNCTION accessplane.ap_append(
    streams uuid[], stream_types text[], expected bigint[], event_streams integer[], event_ids uuid[], event_types text[], event_data text[],
    at timestamptz, correlation text, causation text, header text, command uuid)
RETURNS TABLE (outcome text, "position" bigint, stream uuid, actual bigint)
LANGUAGE plpgsql AS $append$
#variable_conflict use_column
DECLARE
    i integer; n integer; found_version bigint; last bigint; drawn bigint;
BEGIN
    IF command IS NOT NULL THEN
        INSERT INTO accessplane.ap_commands (id, at) VALUES (command, at) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            RETURN QUERY SELECT 'repeated', c.position, NULL::uuid, NULL::bigint FROM accessplane.ap_commands c WHERE c.id = command;
            RETURN;
        END IF;
    END IF;

    -- in the order of ids, so that two appends to the same streams wait for each other instead of dying together
    FOR i IN SELECT s.ordinality FROM unnest(streams) WITH ORDINALITY s (id, ordinality) ORDER BY s.id LOOP
        SELECT count(*) INTO n FROM unnest(event_streams) e WHERE e = i;
        IF expected[i] = 0 THEN
            INSERT INTO accessplane.mt_streams (id, type, version, timestamp, created) VALUES (streams[i], stream_types[i], n, at, at) ON CONFLICT DO NOTHING;
        ELSE
            UPDATE accessplane.mt_streams SET version = version + n, timestamp = at WHERE id = streams[i] AND version = expected[i];
        END IF;
        IF NOT FOUND THEN
            SELECT version INTO found_version FROM accessplane.mt_streams WHERE id = streams[i];
            RAISE EXCEPTION 'conflict' USING ERRCODE = 'AP409', DETAIL = streams[i]::text, HINT = coalesce(found_version, 0)::text;
        END IF;
    END LOOP;

    SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO drawn FROM accessplane.mt_events_sequence;
    PERFORM pg_advisory_xact_lock_shared(accessplane.ap_in_flight(drawn));

    INSERT INTO accessplane.mt_events (seq_id, id, stream_id, version, data, type, timestamp, correlation_id, causation_id, headers)
    SELECT nextval('accessplane.mt_events_sequence'), e.id, streams[e.stream],
           expected[e.stream] + row_number() OVER (PARTITION BY e.stream ORDER BY e.ordinality), e.data::jsonb, e.type, at, correlation, causation, header::jsonb
    FROM unnest(event_streams, event_ids, event_types, event_data) WITH ORDINALITY e (stream, id, type, data, ordinality)
    ORDER BY e.ordinality;
    SELECT currval('accessplane.mt_events_sequence') INTO last;

    IF command IS NOT NULL THEN
        UPDATE accessplane.ap_commands SET position = last WHERE id = command;
    END IF;
    RETURN QUERY SELECT 'done', last, NULL::uuid, NULL::bigint;
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
    SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO drawn FROM accessplane.mt_events_sequence;
    SELECT min(((classid::bigint & 65535) << 32) | objid::bigint) INTO below FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (classid::bigint >> 16) = 16721;
    RETURN least(drawn, coalesce(below, drawn));
END
$settled$;

-- The settled events after a position, and the position up to which the log is settled, in one round trip.
CREATE OR REPLACE FUNCTION accessplane.ap_read(after bigint, types text[], most integer)
RETURNS TABLE (settled bigint, seq_id bigint, stream_id uuid, version bigint, id uuid, at timestamptz, type varchar, data text, headers text, correlation_id varchar, causation_id varchar)
LANGUAGE plpgsql VOLATILE AS $read$
#variable_conflict use_column
DECLARE
    up_to bigint := accessplane.ap_settled();
BEGIN
    RETURN QUERY
    SELECT up_to, e.seq_id, e.stream_id, e.version, e.id, e.timestamp, e.type, e.data::text, e.headers::text, e.correlation_id, e.causation_id
    FROM accessplane.mt_events e
    WHERE e.seq_id > after AND e.seq_id <= up_to AND (types IS NULL OR e.type = ANY (types))
    ORDER BY e.seq_id LIMIT most;
    IF NOT FOUND THEN
        RETURN QUERY SELECT up_to, NULL::bigint, NULL::uuid, NULL::bigint, NULL::uuid, NULL::timestamptz, NULL::varchar, NULL::text, NULL::text, NULL::varchar, NULL::varchar;
    END IF;
END
$read$;

-- Events, as the first version wrote them: a policy, an agent, a request that was reviewed, its grant with a session, one that approved itself, a lock.
SELECT accessplane.ap_append(ARRAY['4e73823b-b3f3-5a73-b376-ad1a86e8ad07']::uuid[], ARRAY['policy']::text[], ARRAY[0]::bigint[],
  ARRAY[1]::integer[], ARRAY['019aa5ff-0000-7000-8000-000000000001']::uuid[], ARRAY['policy_published']::text[], ARRAY[
    '{"version":1,"author":{"issuer":"https://idp.example","subject":"admin","name":"admin","kind":"person","groups":["admins"],"claims":{},"act":[]},"text":"resources:\n  - { id: orders, kind: postgresql }\nentitlements:\n  - id: orders-read\n    resource: orders\n    who: { groups: [engineering] }\n    scope: { databases: [orders], statements: [select] }\n    max-duration: 8h\n    activate-within: 30m\n    approval: { auto: true }\n  - id: orders-write\n    resource: orders\n    who: { groups: [engineering] }\n    scope: { databases: [orders] }\n    max-duration: 2h\n    activate-within: 30m\n    approval: { steps: [ { from: { groups: [dba] }, count: 1 } ], expires: 1h }\n","hash":"1c4046e77b9e034c9019f6028db57f341a09e820863272995319de276e963255","model":{"resources":[{"id":"orders","kind":"postgresql","freezeAfter":"PT10S","killAfter":"PT1M","evidence":"buffered"}],"entitlements":[{"id":"orders-read","resource":"orders","who":{"groups":["engineering"],"subjects":[],"issuers":[],"kinds":[],"claims":{},"isEmpty":false},"scope":{"databases":["orders"],"statements":["select"]},"maxDuration":"PT8H","maxTotal":"PT8H","activateWithin":"PT30M","reason":{"required":false},"approval":{"auto":true,"steps":[],"expires":"PT1H"},"maxConnections":1,"tokenLogin":{"kinds":["workload"],"once":false}},{"id":"orders-write","resource":"orders","who":{"groups":["engineering"],"subjects":[],"issuers":[],"kinds":[],"claims":{},"isEmpty":false},"scope":{"databases":["orders"],"statements":[]},"maxDuration":"PT2H","maxTotal":"PT2H","activateWithin":"PT30M","reason":{"required":false},"approval":{"auto":false,"steps":[{"from":{"groups":["dba"],"subjects":[],"issuers":[],"kinds":[],"claims":{},"isEmpty":false},"count":1}],"expires":"PT1H"},"maxConnections":1,"tokenLogin":{"kinds":["workload"],"once":false}}],"directory":{"groups":{},"owners":{},"samePerson":[],"disabled":[]}}}']::text[],
  '2026-11-21T09:00:00Z', '019aa5fe-0000-7000-8000-000000000001', NULL, '{"actor":{"issuer":"https://idp.example","subject":"admin","name":"admin","kind":"person","groups":["admins"],"claims":{},"act":[]},"policyVersion":1}', NULL);
SELECT accessplane.ap_append(ARRAY['ba441535-47a5-5e58-8d68-85093bae2a95']::uuid[], ARRAY['agent']::text[], ARRAY[0]::bigint[],
  ARRAY[1, 1]::integer[], ARRAY['019aa5ff-0000-7000-8000-000000000002', '019aa5ff-0000-7000-8000-000000000003']::uuid[], ARRAY['agent_invited', 'agent_enrolled']::text[], ARRAY[
    '{"agent":"orders-agent","resources":["orders"],"tokenHash":"0000000000000000000000000000000000000000000000000000000000000000","expiresAt":"2026-11-21T10:00:00.000000Z","by":{"issuer":"https://idp.example","subject":"admin","name":"admin","kind":"person","groups":["admins"],"claims":{},"act":[]}}',
    '{"agent":"orders-agent","resources":["orders"],"publicKey":"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEG1mVGvGjpalQgYAA9hA8XBF6JPLVmqSkHccubtTAMvUsyDuCIeZTbS5g8K0OmDe+7N1668aPnnApaw76Ijp6Ng==","endpoints":[{"resource":"orders","host":"127.0.0.1","port":6432}]}']::text[],
  '2026-11-21T09:01:00Z', '019aa5fe-0000-7000-8000-000000000002', NULL, '{"actor":{"issuer":"https://idp.example","subject":"admin","name":"admin","kind":"person","groups":["admins"],"claims":{},"act":[]},"policyVersion":1}', NULL);
SELECT accessplane.ap_append(ARRAY['019aa501-0000-7000-8000-1f58b9145b24']::uuid[], ARRAY['request']::text[], ARRAY[0]::bigint[],
  ARRAY[1]::integer[], ARRAY['019aa5ff-0000-7000-8000-000000000004']::uuid[], ARRAY['request_submitted']::text[], ARRAY[
    '{"request":"019aa501-0000-7000-8000-1f58b9145b24","requester":{"issuer":"https://idp.example","subject":"engineer","name":"engineer","kind":"person","groups":["engineering"],"claims":{},"act":[]},"entitlement":"orders-write","resource":"orders","duration":"PT20M","reason":"order 4711 is wrong","steps":[{"from":{"groups":["dba"],"subjects":[],"issuers":[],"kinds":[],"claims":{},"isEmpty":false},"count":1}],"expiresAt":"2026-11-21T10:00:00.000000Z","policyVersion":1,"implicit":false}']::text[],
  '2026-11-21T09:02:00Z', '019aa5fe-0000-7000-8000-000000000003', NULL, '{"actor":{"issuer":"https://idp.example","subject":"engineer","name":"engineer","kind":"person","groups":["engineering"],"claims":{},"act":[]},"policyVersion":1}', NULL);
SELECT accessplane.ap_append(ARRAY['019aa501-0000-7000-8000-1f58b9145b24', '019aa502-0000-7000-8000-3492ad65d05a']::uuid[], ARRAY['request', 'grant']::text[], ARRAY[1, 0]::bigint[],
  ARRAY[1, 1, 2]::integer[], ARRAY['019aa5ff-0000-7000-8000-000000000005', '019aa5ff-0000-7000-8000-000000000006', '019aa5ff-0000-7000-8000-000000000007']::uuid[], ARRAY['review_given', 'request_approved', 'grant_issued']::text[], ARRAY[
    '{"review":"019aa504-0000-7000-8000-c97ace4c8fef","reviewer":{"issuer":"https://idp.example","subject":"dba","name":"dba","kind":"person","groups":["dba"],"claims":{},"act":[]},"verdict":"approve","step":0,"comment":"go ahead"}',
    '{"grant":"019aa502-0000-7000-8000-3492ad65d05a","reviewers":["https://idp.example|dba"]}',
    '{"grant":"019aa502-0000-7000-8000-3492ad65d05a","request":"019aa501-0000-7000-8000-1f58b9145b24","holder":{"issuer":"https://idp.example","subject":"engineer","name":"engineer","kind":"person","groups":["engineering"],"claims":{},"act":[]},"entitlement":"orders-write","resource":"orders","scope":{"databases":["orders"],"statements":[]},"duration":"PT20M","activateBy":"2026-11-21T09:30:00.000000Z","maxConnections":1,"tokenLogin":{"kinds":["workload"],"once":false},"policyVersion":1,"breakGlass":false}']::text[],
  '2026-11-21T09:03:00Z', '019aa5fe-0000-7000-8000-000000000004', NULL, '{"actor":{"issuer":"https://idp.example","subject":"dba","name":"dba","kind":"person","groups":["dba"],"claims":{},"act":[]},"policyVersion":1}', NULL);
SELECT accessplane.ap_append(ARRAY['019aa502-0000-7000-8000-3492ad65d05a']::uuid[], ARRAY['grant']::text[], ARRAY[1]::bigint[],
  ARRAY[1]::integer[], ARRAY['019aa5ff-0000-7000-8000-000000000008']::uuid[], ARRAY['grant_activated']::text[], ARRAY[
    '{"activatedAt":"2026-11-21T09:03:00.000000Z","notAfter":"2026-11-21T09:23:00.000000Z","scope":{"databases":["orders"],"statements":[]},"maxConnections":1,"tokenLogin":{"kinds":["workload"],"once":false},"policyVersion":1}']::text[],
  '2026-11-21T09:04:00Z', '019aa5fe-0000-7000-8000-000000000005', NULL, '{"actor":{"issuer":"https://idp.example","subject":"engineer","name":"engineer","kind":"person","groups":["engineering"],"claims":{},"act":[]},"policyVersion":1}', NULL);
SELECT accessplane.ap_append(ARRAY['019aa503-0000-7000-8000-3f3af1ecebbd']::uuid[], ARRAY['session']::text[], ARRAY[0]::bigint[],
  ARRAY[1]::integer[], ARRAY['019aa5ff-0000-7000-8000-000000000009']::uuid[], ARRAY['session_opened']::text[], ARRAY[
    '{"session":"019aa503-0000-7000-8000-3f3af1ecebbd","grant":"019aa502-0000-7000-8000-3492ad65d05a","resource":"orders","agent":"orders-agent","holder":{"issuer":"https://idp.example","subject":"engineer","name":"engineer","kind":"person","groups":["engineering"],"claims":{},"act":[]},"database":"orders","client":"127.0.0.1:50000","application":"psql","startedAt":"2026-11-21T09:04:00.000000Z","number":1,"policyVersion":1}']::text[],
  '2026-11-21T09:05:00Z', '019aa5fe-0000-7000-8000-000000000006', NULL, '{"actor":{"issuer":"accessplane","subject":"test","name":"test","kind":"workload","groups":[],"claims":{},"act":[]},"policyVersion":1}', NULL);
SELECT accessplane.ap_append(ARRAY['019aa503-0000-7000-8000-3f3af1ecebbd']::uuid[], ARRAY['session']::text[], ARRAY[1]::bigint[],
  ARRAY[1, 1]::integer[], ARRAY['019aa5ff-0000-7000-8000-00000000000a', '019aa5ff-0000-7000-8000-00000000000b']::uuid[], ARRAY['transcript_recorded', 'session_closed']::text[], ARRAY[
    '{"session":"019aa503-0000-7000-8000-3f3af1ecebbd","agent":"orders-agent","number":1,"firstSeq":1,"lastSeq":4,"previousHead":"bd068a5451838ccd62e0d3780e0232d4fdd3120937a065ca83f817700b83bbf3","head":"2739d9e2270c5469ec92906bd2ef80de22605473a7fd888f250ea252d76fa2d2","final":true,"entries":"{\"seq\":1,\"at\":\"2026-11-21T09:04:00.000000Z\",\"kind\":\"start\",\"start\":{\"session\":\"019aa503-0000-7000-8000-3f3af1ecebbd\",\"grant\":\"019aa502-0000-7000-8000-3492ad65d05a\",\"entitlement\":\"orders-write\",\"resource\":\"orders\",\"agent\":\"orders-agent\",\"number\":1,\"holder\":{\"issuer\":\"https://idp.example\",\"subject\":\"engineer\",\"name\":\"engineer\",\"kind\":\"person\",\"groups\":[\"engineering\"],\"claims\":{},\"act\":[]},\"database\":\"orders\",\"client\":\"127.0.0.1:50000\",\"application\":\"psql\",\"login\":\"t_ticket\",\"policy\":1,\"server\":\"16.4\"}}\n{\"seq\":2,\"at\":\"2026-11-21T09:04:01.000000Z\",\"kind\":\"statement\",\"op\":1,\"protocol\":\"simple\",\"text\":\"update shop.orders set total = 1 where id = 4711\",\"statements\":[\"update\"],\"effect\":\"allow\",\"policy\":1}\n{\"seq\":3,\"at\":\"2026-11-21T09:04:01.100000Z\",\"kind\":\"result\",\"op\":1,\"outcome\":\"completed\",\"duration\":2000,\"rows\":1,\"tag\":\"UPDATE 1\"}\n{\"seq\":4,\"at\":\"2026-11-21T09:05:00.000000Z\",\"kind\":\"end\",\"cause\":\"closed\"}","signature":"Ktgkvbex8ZGeh8hHVtU+5Bf12f42nri+eJypbIEB6T3Emjx2L68uftaykcfDgo3BksloEXKkDedC7f5CqmuBWg=="}',
    '{"endedAt":"2026-11-21T09:05:00.000000Z","cause":"closed"}']::text[],
  '2026-11-21T09:06:00Z', '019aa5fe-0000-7000-8000-000000000007', NULL, '{"actor":{"issuer":"accessplane","subject":"test","name":"test","kind":"workload","groups":[],"claims":{},"act":[]},"policyVersion":1}', NULL);
SELECT accessplane.ap_append(ARRAY['019aa502-0000-7000-8000-3492ad65d05a']::uuid[], ARRAY['grant']::text[], ARRAY[2]::bigint[],
  ARRAY[1]::integer[], ARRAY['019aa5ff-0000-7000-8000-00000000000c']::uuid[], ARRAY['grant_surrendered']::text[], ARRAY[
    '{"by":{"issuer":"https://idp.example","subject":"engineer","name":"engineer","kind":"person","groups":["engineering"],"claims":{},"act":[]}}']::text[],
  '2026-11-21T09:07:00Z', '019aa5fe-0000-7000-8000-000000000008', NULL, '{"actor":{"issuer":"https://idp.example","subject":"engineer","name":"engineer","kind":"person","groups":["engineering"],"claims":{},"act":[]},"policyVersion":1}', NULL);
SELECT accessplane.ap_append(ARRAY['019aa506-0000-7000-8000-3316348dbadf', '019aa507-0000-7000-8000-2b7ce47f61b8']::uuid[], ARRAY['request', 'grant']::text[], ARRAY[0, 0]::bigint[],
  ARRAY[1, 1, 2]::integer[], ARRAY['019aa5ff-0000-7000-8000-00000000000d', '019aa5ff-0000-7000-8000-00000000000e', '019aa5ff-0000-7000-8000-00000000000f']::uuid[], ARRAY['request_submitted', 'request_approved', 'grant_issued']::text[], ARRAY[
    '{"request":"019aa506-0000-7000-8000-3316348dbadf","requester":{"issuer":"https://idp.example","subject":"engineer","name":"engineer","kind":"person","groups":["engineering"],"claims":{},"act":[]},"entitlement":"orders-read","resource":"orders","duration":"PT8H","steps":[],"expiresAt":"2026-11-21T10:00:00.000000Z","policyVersion":1,"implicit":false}',
    '{"grant":"019aa507-0000-7000-8000-2b7ce47f61b8","reviewers":[]}',
    '{"grant":"019aa507-0000-7000-8000-2b7ce47f61b8","request":"019aa506-0000-7000-8000-3316348dbadf","holder":{"issuer":"https://idp.example","subject":"engineer","name":"engineer","kind":"person","groups":["engineering"],"claims":{},"act":[]},"entitlement":"orders-read","resource":"orders","scope":{"databases":["orders"],"statements":["select"]},"duration":"PT8H","activateBy":"2126-11-21T09:00:00.000000Z","maxConnections":1,"tokenLogin":{"kinds":["workload"],"once":false},"policyVersion":1,"breakGlass":false}']::text[],
  '2026-11-21T09:08:00Z', '019aa5fe-0000-7000-8000-000000000009', NULL, '{"actor":{"issuer":"https://idp.example","subject":"engineer","name":"engineer","kind":"person","groups":["engineering"],"claims":{},"act":[]},"policyVersion":1}', NULL);
SELECT accessplane.ap_append(ARRAY['019aa505-0000-7000-8000-0c030586945f']::uuid[], ARRAY['lock']::text[], ARRAY[0]::bigint[],
  ARRAY[1]::integer[], ARRAY['019aa5ff-0000-7000-8000-000000000010']::uuid[], ARRAY['lock_placed']::text[], ARRAY[
    '{"lock":"019aa505-0000-7000-8000-0c030586945f","on":{"actor":"https://idp.example|engineer2"},"reason":"away","by":{"issuer":"https://idp.example","subject":"admin","name":"admin","kind":"person","groups":["admins"],"claims":{},"act":[]}}']::text[],
  '2026-11-21T09:09:00Z', '019aa5fe-0000-7000-8000-00000000000a', NULL, '{"actor":{"issuer":"https://idp.example","subject":"admin","name":"admin","kind":"person","groups":["admins"],"claims":{},"act":[]},"policyVersion":1}', NULL);
SELECT accessplane.ap_append(ARRAY['019aa505-0000-7000-8000-0c030586945f']::uuid[], ARRAY['lock']::text[], ARRAY[1]::bigint[],
  ARRAY[1]::integer[], ARRAY['019aa5ff-0000-7000-8000-000000000011']::uuid[], ARRAY['lock_lifted']::text[], ARRAY[
    '{"lock":"019aa505-0000-7000-8000-0c030586945f","by":{"issuer":"https://idp.example","subject":"admin","name":"admin","kind":"person","groups":["admins"],"claims":{},"act":[]},"why":"lifted"}']::text[],
  '2026-11-21T09:10:00Z', '019aa5fe-0000-7000-8000-00000000000b', NULL, '{"actor":{"issuer":"https://idp.example","subject":"admin","name":"admin","kind":"person","groups":["admins"],"claims":{},"act":[]},"policyVersion":1}', NULL);
