// What composition files break of the compose specification's JSON schema: node compose-schema.mjs FILE… A line for each: `ok`, or all that is wrong with it.
import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import { parse } from "yaml";

// of the package that has it only this is used; it names its draft by an address that Ajv does not know
const { $schema, ...schema } = JSON.parse(readFileSync(new URL("node_modules/dclint/schemas/compose.schema.json", import.meta.url), "utf8"));
// its formats (`ports`, `duration`) are its own
const holds = new Ajv({ strict: false, validateFormats: false, allErrors: true }).compile(schema);
for (const file of process.argv.slice(2)) {
  const composition = parse(readFileSync(file, "utf8"), { merge: true });
  console.log(holds(composition) ? "ok" : holds.errors.map((e) => `${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`).join("; "));
}
