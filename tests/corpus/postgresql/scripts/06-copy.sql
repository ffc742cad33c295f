-- COPY both ways, in every format, with errors in the middle
CREATE SCHEMA c;
CREATE TABLE c.n (n int, s text, d date);
COPY c.n FROM STDIN;
1	one	2024-01-01
2	\N	2024-01-02
3	tab\tand\\backslash	\N
\.
SELECT * FROM c.n ORDER BY n;
COPY c.n TO STDOUT;
COPY c.n (n, s) FROM STDIN WITH (FORMAT csv, HEADER);
n,s
4,"with ""quotes"", and commas"
5,
\.
COPY c.n TO STDOUT WITH (FORMAT csv, HEADER, NULL 'null', FORCE_QUOTE (s));
COPY (SELECT n * 2 FROM c.n ORDER BY n) TO STDOUT WITH (DELIMITER '|');
COPY c.n FROM STDIN;
6	six	not a date
7	seven	2024-01-07
\.
SELECT count(*) FROM c.n;
COPY c.n (n) FROM STDIN;
not a number
\.
COPY c.n FROM STDIN WHERE n > 100;
101	kept	2024-01-01
99	dropped	2024-01-01
\.
SELECT n FROM c.n ORDER BY n;
BEGIN;
COPY c.n FROM STDIN WITH (FREEZE);
8	eight	2024-01-08
\.
ROLLBACK;
COPY (SELECT 1) TO STDOUT \; SELECT 'after';
COPY nothing TO STDOUT;
COPY nothing FROM STDIN;
\copy c.n to stdout with csv
\copy (select count(*) from c.n) to stdout
COPY (SELECT repeat('x', 1000), g FROM generate_series(1, 200) g) TO STDOUT;
COPY (DELETE FROM c.n RETURNING n) TO STDOUT;
SELECT count(*) FROM c.n;
COPY c.n TO STDOUT;
DROP SCHEMA c CASCADE;
