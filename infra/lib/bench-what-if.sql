-- A month of :n operations as agents would have recorded them: 2,000 sessions of 50 holders, 5,000 different statements. All are allowed, or, where `mixed` is
-- true, some are not, and one holder had one session only.
SET synchronous_commit = off;
SET maintenance_work_mem = '512MB';
-- what the searches need costs more than all the rest: it is made again once everything is there
CREATE TEMP TABLE put_back AS
SELECT indexname, indexdef FROM pg_indexes
WHERE schemaname = 'accessplane' AND tablename = 'p_operations' AND indexname LIKE 'ix_%';
SELECT 'DROP INDEX accessplane.' || indexname FROM put_back \gexec
ALTER TABLE accessplane.p_operations DROP CONSTRAINT p_operations_pkey;
TRUNCATE accessplane.p_sessions, accessplane.p_ruling_bases, accessplane.p_operations;

INSERT INTO accessplane.p_sessions (key, row, position)
SELECT md5('session ' || i)::uuid::text, jsonb_build_object(
  'id', md5('session ' || i)::uuid, 'grant', md5('grant ' || i)::uuid, 'entitlement', CASE i % 2 WHEN 0 THEN 'orders-write' ELSE 'orders-read' END,
  'holder', jsonb_build_object('issuer', 'https://idp.example', 'subject', who, 'name', who, 'kind', 'person',
    'groups', jsonb_build_array('engineering'), 'claims', '{}'::jsonb, 'act', '[]'::jsonb),
  'resource', 'orders', 'agent', 'orders-agent', 'state', 'Closed', 'database', 'orders', 'client', '127.0.0.1:1', 'application', 'bench',
  'startedAt', to_char(now() AT TIME ZONE 'UTC' - interval '30 days', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'operations', 500, 'denied', 0, 'held', 0, 'masked', 0,
  'rows', 0, 'entries', 1, 'segments', 1, 'head', '', 'gaps', '[]'::jsonb, 'number', i, 'policyVersion', :version, 'version', 1), 0
FROM (SELECT i, CASE WHEN :mixed AND i = 1 THEN 'once' ELSE 'p' || i % 50 END AS who FROM generate_series(1, 2000) i) s;

INSERT INTO accessplane.p_ruling_bases (key, row, position)
SELECT md5('facts ' || i), jsonb_build_object('hash', md5('facts ' || i), 'facts', jsonb_build_object(
  'kinds', jsonb_build_array((ARRAY['select', 'select', 'select', 'insert', 'update', 'delete', 'drop'])[1 + i % 7]), 'statements', 1, 'asksForWrites', false,
  'relations', jsonb_build_array(jsonb_build_object('name', 'shop.t' || i % 40, 'access', CASE WHEN i % 7 < 3 THEN 'read' ELSE 'write' END),
    jsonb_build_object('name', 'shop.u' || i % 30, 'access', 'read')),
  'columns', (SELECT jsonb_agg(jsonb_build_object('column', 'shop.t' || i % 40 || '.c' || c, 'place', 'output')) FROM generate_series(1, 1 + i % 8) c),
  'functions', jsonb_build_array('pg_catalog.lower', 'pg_catalog.count'), 'unbounded', i % 20 = 5,
  'outputs', (SELECT jsonb_agg(jsonb_build_object('name', 'c' || c, 'sources', jsonb_build_array('shop.t' || i % 40 || '.c' || c), 'verbatim', true))
    FROM generate_series(1, 1 + i % 8) c),
  -- of the two relations all columns are touched, those of the output are read and shown, the key of one decides which rows there are; a fifth of the
  -- changes store what they read
  'lineage', jsonb_build_object(
    'touched', (SELECT jsonb_agg('shop.' || r || '.c' || c) FROM unnest(ARRAY['t' || i % 40, 'u' || i % 30]) r, generate_series(1, 10) c),
    'read', (SELECT jsonb_agg('shop.t' || i % 40 || '.c' || c) FROM generate_series(1, 1 + i % 8) c) || jsonb_build_array('shop.u' || i % 30 || '.c1'),
    'inferred', jsonb_build_array('shop.u' || i % 30 || '.c' || CASE WHEN i % 50 = 0 THEN 3 ELSE 1 END),
    'stored', CASE WHEN i % 7 >= 3 AND i % 5 = 0 THEN jsonb_build_array('shop.t' || i % 40 || '.c2') ELSE '[]' END,
    'shown', (SELECT jsonb_agg('shop.t' || i % 40 || '.c' || c) FROM generate_series(1, 1 + i % 8) c), 'unresolved', '[]'::jsonb, 'tied', '[]'::jsonb))), 0
FROM generate_series(1, 5000) i;

INSERT INTO accessplane.p_ruling_bases (key, row, position)
SELECT md5('scope'), jsonb_build_object('hash', md5('scope'), 'scope', '{"databases":["orders"],"statements":[]}'::jsonb), 0;

INSERT INTO accessplane.p_operations (key, row, position)
SELECT session || '/' || lpad(i::text, 12, '0'), jsonb_build_object(
  'session', session, 'op', i, 'seq', i, 'at', to_char(now() AT TIME ZONE 'UTC' - interval '30 days' * i / (:n + 1), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
  'protocol', 'extended', 'text', 'SELECT c1, c2, c3 FROM shop.t' || i % 40 || ' WHERE id = $1 -- ' || i % 5000, 'params', jsonb_build_array(i::text),
  'statements', jsonb_build_array('select'), 'verdict', verdict,
  'reasons', jsonb_build_array(jsonb_build_object('rule', CASE verdict WHEN 'allow' THEN 'orders-write' ELSE 'rule-' || verdict END, 'effect', verdict, 'text', 'told')),
  'policy', :version, 'outcome', CASE verdict WHEN 'deny' THEN 'refused' ELSE 'completed' END, 'status', 'I', 'duration', 900, 'rows', 1, 'bytes', 40, 'tag', 'SELECT 1', 'factsHash', md5('facts ' || 1 + (i * 7919) % 5000),
  'scopeHash', md5('scope'), 'inTransaction', i % 3 = 0), 0
FROM (SELECT i, md5('session ' || 1 + (i * 31) % 2000)::uuid::text AS session,
  CASE WHEN NOT :mixed THEN 'allow' WHEN i % 211 = 0 THEN 'hold' WHEN i % 199 = 0 THEN 'deny' WHEN i % 23 = 0 THEN 'mask' ELSE 'allow' END AS verdict
  FROM generate_series(1::bigint, :n) i) o;

ALTER TABLE accessplane.p_operations ADD PRIMARY KEY (key);

SELECT indexdef FROM put_back \gexec
VACUUM ANALYZE accessplane.p_sessions, accessplane.p_ruling_bases, accessplane.p_operations;
