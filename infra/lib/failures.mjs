// What failed, from a report of xunit: failures.mjs REPORT…
import { readFileSync } from "node:fs";

const entities = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
const text = (xml) => xml.replace(/<!\[CDATA\[([\s\S]*?)\]\]>/g, "$1").replace(/&#x?[0-9a-f]+;/gi, " ").replace(/&(lt|gt|quot|apos|amp);/g, (_, name) => entities[name]);
const part = (xml, name) => text(new RegExp(`<${name}>([\\s\\S]*?)</${name}>`).exec(xml)?.[1] ?? "").trim();
const indent = (lines) => lines.map((line) => `    ${line.trimEnd().slice(0, 400)}`).join("\n");

for (const report of process.argv.slice(2)) {
  const xml = readFileSync(report, "utf8");
  for (const [, attributes, body] of xml.matchAll(/<(?:test|error) ([^>]*[^/>])>([\s\S]*?)<\/(?:test|error)>/g)) {
    if (!body.includes("<failure")) continue;
    console.log(`✗ ${text(/name="([^"]*)"/.exec(attributes)?.[1] ?? "outside of a test")}`);
    console.log(indent([...part(body, "message").split("\n").slice(0, 20), ...part(body, "stack-trace").split("\n").filter((line) => line.includes("tests/")).slice(0, 4)]));
  }
}
