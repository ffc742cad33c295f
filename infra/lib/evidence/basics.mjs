// What everything is made of: hashes, keys, signatures, Merkle trees and their leaves.
import { createHash, createPublicKey, verify as checkSignature } from "node:crypto";

export class Wrong extends Error {}
export class Unusable extends Error {}

export const KIND = "accessplane.evidence.v1";
export const NONE = "0".repeat(64);
export const must = (holds, what) => {
  if (!holds) throw new Wrong(typeof what === "function" ? what() : what);
};
export const sha256 = (...parts) => {
  const hash = createHash("sha256");
  parts.forEach((part) => hash.update(part));
  return hash.digest();
};
export const hex = (bytes) => bytes.toString("hex");

// base64 that says the same in one way only
const bytesOf = (base64, what) => {
  const bytes = Buffer.from(String(base64), "base64");
  must(typeof base64 === "string" && bytes.toString("base64") === base64, `${what} is no base64`);
  return bytes;
};

const imported = new Map();
export const keyOf = (base64, what) => {
  if (!imported.has(base64)) imported.set(base64, importKey(base64, what));
  return imported.get(base64);
};
const importKey = (base64, what) => {
  const der = bytesOf(base64, what);
  try {
    const key = createPublicKey({ key: der, format: "der", type: "spki" });
    must(key.asymmetricKeyDetails?.namedCurve === "prime256v1", `${what} is no P-256 key`);
    return key;
  } catch (error) {
    throw error instanceof Wrong ? error : new Wrong(`${what} is no public key`);
  }
};
export const fingerprint = (base64) => `sha256:${hex(sha256(Buffer.from(base64, "base64")))}`;
// What was found of a signature once stays true: who looks at many documents, or at one again and again, meets the same ones.
const found = new Map();
export const isSigned = (key, text, signature, what) => {
  const bytes = bytesOf(signature, `${what}: its signature`);
  must(bytes.length === 64, `${what}: its signature is too short or too long`);
  const name = hex(sha256(key.export({ format: "der", type: "spki" }), bytes, text));
  if (!found.has(name)) {
    if (found.size > 100_000) found.clear();
    found.set(name, checkSignature("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }, bytes));
  }
  return found.get(name);
};

// A key that follows another: both have signed that. Gives the generation of every signing key that hangs together with one that is known.
export const followKeys = (keys, announced) => {
  const text = (a) => ["accessplane.key.v1", a.use, a.generation, a.publicKey, a.previous, a.at, a.signedBy].join("\n");
  const whole = announced.filter((a) => {
    const name = `the key of generation ${a.generation}`;
    return a.use === "signing" && a.signedBy === a.previous && isSigned(keyOf(a.previous, name), text(a), a.signature, name) && isSigned(keyOf(a.publicKey, name), text(a), a.acceptance, name);
  });
  const next = new Map();
  for (const a of whole) {
    // whoever has stolen a key that was followed can have it announce another one, and go on from there
    must((next.get(a.previous) ?? a.publicKey) === a.publicKey, `the key of generation ${a.generation}: two keys follow the one before it: one of them is not the control plane's`);
    next.set(a.previous, a.publicKey);
  }
  for (let before = -1; before !== keys.size;) {
    before = keys.size;
    for (const a of whole.filter(({ publicKey, previous }) => keys.has(publicKey) || keys.has(previous))) {
      [a.previous, a.publicKey].forEach((key) => keys.set(key, keyOf(key, "an announced key")));
    }
  }
  keys.generations = new Map(whole.flatMap((a) => [[a.previous, a.generation - 1], [a.publicKey, a.generation]]));
  return keys;
};
// Once a key has followed, the one before it signs nothing any more: whoever has stolen that one cannot go on from here.
export const inTurn = (keys, key, before) => before === undefined || (keys.generations?.get(key) ?? 1) >= (keys.generations?.get(before) ?? 1);

// --- Merkle trees of RFC 6962: leaf SHA-256(0x00 + bytes), node SHA-256(0x01 + left + right) ---

export const leaf = (text) => sha256(Buffer.of(0), text);
const node = (left, right) => sha256(Buffer.of(1), left, right);
const rootOf = (leaves) => {
  let level = leaves;
  if (level.length === 0) return hex(sha256());
  while (level.length > 1) {
    const above = [];
    for (let i = 0; i < level.length; i += 2) above.push(i + 1 < level.length ? node(level[i], level[i + 1]) : level[i]);
    level = above;
  }
  return hex(level[0]);
};

// RFC 9162 §2.1.3.2
export const isIncluded = (hash, proof, tree) => {
  let [at, last] = [proof.index, tree.size - 1];
  if (!Number.isSafeInteger(at) || at < 0 || at > last) return false;
  for (const step of proof.path) {
    if (last === 0 || !/^[0-9a-f]{64}$/.test(step)) return false;
    const other = Buffer.from(step, "hex");
    if (at % 2 === 1 || at === last) {
      hash = node(other, hash);
      while (at % 2 === 0 && at !== 0) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
    } else {
      hash = node(hash, other);
    }
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 && hex(hash) === tree.root;
};
export const isTree = (leaves, tree) => tree.size === leaves.length && tree.root === rootOf(leaves.map(leaf));

// A flag that is missing is no flag that is off.
export const flag = (value, what) => {
  must(typeof value === "boolean", `${what} is neither true nor false`);
  return value ? 1 : 0;
};
export const headLeaf = (h) =>
  ["accessplane.session-head.v1", h.session, h.grant, h.resource, h.agent, h.number, h.segments, h.entries, h.head, flag(h.final, `session ${h.session}: whether it has ended`)].join("\n");
export const countLeaf = (c) => ["accessplane.session-count.v1", c.agent, c.resource, c.sessions].join("\n");
export const eventLeaf = (e) =>
  ["accessplane.event.v1", e.position, e.stream, e.version, e.id, e.type, e.at, e.correlation ?? "", e.causation ?? "",
    hex(sha256(e.headers ?? "")), hex(sha256(e.data))].join("\n");
