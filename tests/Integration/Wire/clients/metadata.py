"""What psycopg2, and what is built on it, asks of the catalogs, with the answers: for the same to be asked twice and compared. With a second argument
tables may be views: what only tables can is left out."""
import sys

import psycopg2
import psycopg2.extras

connection = psycopg2.connect(sys.argv[1])
if len(sys.argv) < 3:
    psycopg2.extras.register_hstore(connection)
psycopg2.extras.register_uuid(conn_or_curs=connection)
composite = psycopg2.extras.register_composite("shop.cust_t", connection)
print(composite.name, composite.attnames, connection.server_version, connection.encoding)

QUESTIONS = {
    "tables and views of a schema": """
        SELECT c.relname, CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'p' THEN 'partitioned' ELSE 'table' END, obj_description(c.oid, 'pg_class')
        FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('f', 'm', 'p', 'r', 'v') AND n.nspname NOT IN ('pg_catalog', 'pg_toast') AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1""",
    "columns with types, defaults, comments": """
        SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
               (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef),
               co.collname, pg_catalog.col_description(a.attrelid, a.attnum)
        FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
          LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation AND co.oid <> t.typcollation
        WHERE a.attrelid = 'shop.customers'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum""",
    "columns by the standard's catalog": """
        SELECT column_name, is_nullable, column_default, data_type, character_maximum_length, numeric_precision, identity_generation
        FROM information_schema.columns WHERE table_schema = 'shop' AND table_name IN ('customers', 'pub') ORDER BY table_name, ordinal_position""",
    "primary and unique keys": """
        SELECT c.conname, c.contype, array_agg(a.attname ORDER BY k.place)
        FROM pg_catalog.pg_constraint c CROSS JOIN LATERAL unnest(c.conkey) WITH ORDINALITY AS k(number, place)
          JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number
        WHERE c.conrelid = 'shop.customers'::regclass AND c.contype IN ('p', 'u') GROUP BY c.conname, c.contype ORDER BY 1""",
    "foreign keys": """
        SELECT r.conname, pg_catalog.pg_get_constraintdef(r.oid, true), n.nspname, t.relname, r.confdeltype
        FROM pg_catalog.pg_constraint r JOIN pg_catalog.pg_class t ON t.oid = r.confrelid JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
        WHERE r.contype = 'f' AND r.conrelid = 'shop.orders'::regclass ORDER BY 1""",
    "foreign keys by the standard's catalog": """
        SELECT kc.column_name, cc.table_name, cc.column_name FROM information_schema.key_column_usage kc
          JOIN information_schema.constraint_column_usage cc ON kc.constraint_schema = cc.constraint_schema AND kc.constraint_name = cc.constraint_name
          JOIN information_schema.table_constraints tc ON kc.constraint_schema = tc.constraint_schema AND kc.constraint_name = tc.constraint_name
        WHERE kc.table_name = 'orders' AND tc.constraint_type = 'FOREIGN KEY' ORDER BY 1, 2""",
    "indexes": """
        SELECT i.relname, x.indisunique, x.indisprimary, am.amname, x.indoption, i.reloptions, x.indnkeyatts,
               array(SELECT pg_catalog.pg_get_indexdef(x.indexrelid, k + 1, true) FROM pg_catalog.generate_subscripts(x.indkey, 1) AS k ORDER BY k),
               pg_catalog.pg_get_expr(x.indpred, x.indrelid), pg_catalog.pg_get_indexdef(i.oid)
        FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid LEFT JOIN pg_catalog.pg_am am ON am.oid = i.relam
        WHERE x.indrelid = 'shop.customers'::regclass ORDER BY 1""",
    "sequences": "SELECT s.relname, q.seqstart, q.seqincrement FROM pg_catalog.pg_class s JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid WHERE s.relkind = 'S' ORDER BY 1",
    "a column's sequence": "SELECT pg_catalog.pg_get_serial_sequence('shop.pub', 'id')",
    "enums, domains and composites": """
        SELECT t.typname, t.typtype, pg_catalog.format_type(t.typbasetype, t.typtypmod), (SELECT array_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid)
        FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = 'shop' AND t.typtype IN ('e', 'd', 'c') ORDER BY 1""",
    "a view's text": "SELECT pg_catalog.pg_get_viewdef('shop.v_alias'::regclass, true)",
    "does it exist": "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = 'pub' AND n.nspname = 'shop')",
    "who and where": "SELECT current_schema(), current_database(), pg_catalog.version() <> '', current_setting('server_version_num')::int >= 150000",
    "the server": "SHOW transaction_isolation",
    "privileges": "SELECT has_table_privilege('shop.customers', 'SELECT'), has_schema_privilege('shop', 'USAGE')",
    "extensions": "SELECT extname FROM pg_catalog.pg_extension WHERE extname = 'hstore'",
    "sizes": "SELECT pg_total_relation_size('shop.pub') > 0, pg_size_pretty(0::bigint)",
}

with connection.cursor() as cursor:
    for name, question in QUESTIONS.items():
        cursor.execute(question)
        print("==", name, [column.name for column in cursor.description])
        for row in cursor.fetchall():
            print(row)
connection.commit()

with connection.cursor("a_named_one") as rows:
    rows.itersize = 100
    rows.execute("SELECT id, name FROM customers WHERE region = %s ORDER BY id", ("eu",))
    print("by cursor", len(list(rows)))
connection.commit()
with connection.cursor("a_scrolling_one", scrollable=True, withhold=True) as rows:
    rows.execute("SELECT id, name FROM customers ORDER BY id")
    connection.commit()
    rows.scroll(2)
    print(rows.fetchmany(2))
with connection.cursor() as cursor:
    with open("/dev/null", "w") as nowhere:
        cursor.copy_expert("COPY (SELECT id, name FROM customers) TO STDOUT WITH CSV HEADER", nowhere)
        cursor.copy_to(nowhere, "pub")
        if len(sys.argv) < 3:
            cursor.copy_to(nowhere, "customers", columns=("id", "name", "region"))
    print("copied", cursor.rowcount)
    psycopg2.extras.execute_values(cursor, "INSERT INTO pub (id, txt, n) VALUES %s RETURNING id", [(9001, "a", 1), (9002, "b", 2)])
    print(cursor.fetchall())
connection.rollback()
