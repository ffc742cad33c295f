-- definitions of every kind, and psql's own questions about them
CREATE SCHEMA d;
CREATE TYPE d.mood AS ENUM ('sad', 'ok', 'happy');
ALTER TYPE d.mood ADD VALUE 'ecstatic' AFTER 'happy';
CREATE TYPE d.pair AS (a int, b text);
CREATE DOMAIN d.positive AS int CHECK (VALUE > 0);
CREATE SEQUENCE d.s START 10 INCREMENT 5;
SELECT nextval('d.s'), nextval('d.s'), currval('d.s'), setval('d.s', 100);
CREATE TABLE d.t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mood d.mood, pair d.pair, pos d.positive, twice int GENERATED ALWAYS AS (pos * 2) STORED);
INSERT INTO d.t (mood, pair, pos) VALUES ('happy', (1, 'x'), 5) RETURNING *;
INSERT INTO d.t (mood) VALUES ('angry');
INSERT INTO d.t (pos) VALUES (0);
INSERT INTO d.t (id) VALUES (7);
ALTER TABLE d.t ADD COLUMN extra text DEFAULT 'e', DROP COLUMN pair;
ALTER TABLE d.t RENAME COLUMN extra TO more;
ALTER TABLE d.t ALTER COLUMN more SET NOT NULL;
ALTER TABLE d.t ADD CONSTRAINT short CHECK (length(more) < 10);
CREATE INDEX t_mood ON d.t (mood) WHERE pos > 1;
CREATE UNIQUE INDEX t_more ON d.t (lower(more));
CREATE VIEW d.v AS SELECT id, more FROM d.t;
CREATE OR REPLACE VIEW d.v AS SELECT id, more, mood FROM d.t;
CREATE MATERIALIZED VIEW d.m AS SELECT count(*) FROM d.t;
REFRESH MATERIALIZED VIEW d.m;
SELECT * FROM d.m;
CREATE FUNCTION d.add(a int, b int DEFAULT 1) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
SELECT d.add(1), d.add(1, 2), d.add(b => 5, a => 1);
CREATE PROCEDURE d.proc(INOUT n int) LANGUAGE plpgsql AS $$ BEGIN n := n + 1; END $$;
CALL d.proc(41);
DO $$ BEGIN RAISE NOTICE 'from a block'; END $$;
CREATE FUNCTION d.stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.more := upper(NEW.more); RETURN NEW; END $$;
CREATE TRIGGER stamp BEFORE UPDATE ON d.t FOR EACH ROW EXECUTE FUNCTION d.stamp();
UPDATE d.t SET more = 'loud' RETURNING more;
CREATE RULE ro AS ON DELETE TO d.v DO INSTEAD NOTHING;
DELETE FROM d.v;
CREATE TABLE d.part (id int, at date) PARTITION BY RANGE (at);
CREATE TABLE d.part_2024 PARTITION OF d.part FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
INSERT INTO d.part VALUES (1, '2024-06-01');
INSERT INTO d.part VALUES (1, '2026-06-01');
SELECT tableoid::regclass, * FROM d.part;
COMMENT ON TABLE d.t IS 'a table with a comment';
GRANT SELECT ON d.t TO PUBLIC;
REVOKE SELECT ON d.t FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA d GRANT SELECT ON TABLES TO PUBLIC;
ANALYZE d.t;
VACUUM d.t;
REINDEX TABLE d.t;
CLUSTER d.t USING t_pkey;
CREATE STATISTICS d.st ON id, mood FROM d.t;
\d d.t
\d d.v
\d d.part
\dt d.*
\df d.*
\dT d.*
\ds d.*
\di d.*
\dn d
\sf d.add
SELECT obj_description('d.t'::regclass), col_description('d.t'::regclass, 1);
SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'd' AND table_name = 't' ORDER BY ordinal_position;
SELECT pg_get_viewdef('d.v'::regclass), pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'short';
DROP TABLE d.t;
DROP TABLE d.t CASCADE;
DROP FUNCTION d.add(int, int);
DROP TYPE d.mood;
DROP SCHEMA d CASCADE;
