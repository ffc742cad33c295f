// Every byte of a document, or of the files of a directory, is changed once, and every beginning of it is taken for the whole: the verifier must say
// each time that something is wrong. `PART/PARTS`: every so many bytes only.  flip-every-byte.mjs VERIFIER.mjs pack|files PATH PART/PARTS
import { readFileSync } from "node:fs";

const [verifier, what, path, portion] = process.argv.slice(2);
const [part, parts] = portion.split("/").map(Number);
const { verify, filesIn, Wrong } = await import(verifier);

const files = what === "files" ? filesIn(path) : null;
const check = files ? () => verify(null, { files }) : (bytes) => verify(bytes);
const missed = [];
const named = new Map();
const isFound = (where, run) => {
  try {
    run();
    missed.push(where);
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    const kind = error.message.replace(/[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16,}|\d+/g, "N").slice(0, 100);
    named.set(kind, (named.get(kind) ?? 0) + 1);
  }
};

const tamper = (bytes, name, run) => {
  for (let i = part; i < bytes.length; i += parts) {
    const mask = 1 << Math.floor(i / parts) % 8;
    bytes[i] ^= mask;
    isFound(`${name} byte ${i} ^ ${mask}`, () => run(bytes));
    bytes[i] ^= mask;
  }
  for (let length = part; length < bytes.length; length += parts * (1 + (bytes.length >> 10))) isFound(`${name} cut off behind ${length}`, () => run(bytes.subarray(0, length)));
  isFound(`${name} with a byte more`, () => run(Buffer.concat([bytes, Buffer.from(what === "files" ? "x" : "\n")])));
};

let size = 0;
if (files) {
  check();
  for (const [name, bytes] of files) {
    size += bytes.length;
    tamper(bytes, name, (changed) => {
      files.set(name, changed);
      try {
        check();
      } finally {
        files.set(name, bytes);
      }
    });
  }
} else {
  const bytes = readFileSync(path);
  size = bytes.length;
  check(bytes);
  tamper(bytes, "pack", check);
}
console.log(`${size} bytes, ${missed.length} changes were not found`);
missed.slice(0, 20).forEach((where) => console.log(`not found: ${where}`));
[...named].sort((a, b) => b[1] - a[1]).slice(0, 40).forEach(([kind, count]) => console.log(`${count} × ${kind}`));
process.exitCode = missed.length === 0 ? 0 : 1;
