// node-postgres through the agent: simple, extended and named statements, a transaction that fails, parameters of many types, a notification.
import assert from "node:assert/strict";
import pg from "pg";

const client = new pg.Client({ connectionString: process.argv[2] });
await client.connect();

assert.deepEqual((await client.query("SELECT 1 AS one; SELECT 2 AS two")).map((r) => r.rows), [[{ one: 1 }], [{ two: 2 }]]);
const mixed = await client.query("SELECT $1::int + 1 AS n, $2::text AS s, $3::jsonb AS j, $4::timestamptz AS t, $5::bytea AS b, $6::text AS missing", [
  41, "naïve 🙂", { a: [1] }, new Date("2024-01-01T00:00:00Z"), Buffer.from([0, 255]), null,
]);
assert.deepEqual(mixed.rows[0], {
  n: 42, s: "naïve 🙂", j: { a: [1] }, t: new Date("2024-01-01T00:00:00Z"), b: Buffer.from([0, 255]), missing: null,
});
for (let i = 0; i < 20; i++) {
  const named = await client.query({ name: "named", text: "SELECT $1::int * 2 AS twice", values: [i] });
  assert.equal(named.rows[0].twice, i * 2);
}
await client.query("BEGIN");
await assert.rejects(client.query("SELECT 1 / $1::int", [0]), { code: "22012" });
await assert.rejects(client.query("SELECT 1"), { code: "25P02" });
await client.query("ROLLBACK");
const rows = await client.query("SELECT g, repeat('x', 100) AS s FROM generate_series(1, 10000) g");
assert.equal(rows.rows.length, 10000);
const heard = new Promise((resolve) => client.once("notification", resolve));
await client.query("LISTEN news");
await client.query("SELECT pg_notify('news', 'hello')");
assert.equal((await heard).payload, "hello");
// many at once: the driver queues, the order of answers is the order of questions
const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => client.query("SELECT $1::int AS i", [i])));
assert.deepEqual(answers.map((a) => a.rows[0].i), Array.from({ length: 50 }, (_, i) => i));
await client.end();
console.log("node-postgres: ok");
