// Checkpoints: those of a document, and the whole chain of a directory.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { NONE, Unusable, Wrong, countLeaf, fingerprint, headLeaf, hex, inTurn, isSigned, isTree, must, sha256 } from "./basics.mjs";

const skipOf = (number) => number - lowestBitOf(number);
const lowestBitOf = (number) => {
  let power = 1;
  while (number % (power * 2) === 0) power *= 2;
  return power;
};
const treeLine = (tree) => `${tree.size} ${tree.root}`;
const checkpointText = (c) =>
  ["accessplane.checkpoint.v1", c.number, c.at, c.previous, c.skip, c.tip, treeLine(c.events), treeLine(c.sessions), treeLine(c.changed),
    treeLine(c.counts), c.key].join("\n");

// One checkpoint by itself. `keys`: base64 → key.
const checkOne = (c, name, keys) => {
  must(Number.isSafeInteger(c.number) && c.number > 0, `${name}: it has no number`);
  must(keys.has(c.key), `${name}: it is signed with another key, ${fingerprint(c.key)}`);
  const text = checkpointText(c);
  must(isSigned(keys.get(c.key), text, c.signature, name), `${name}: the signature is not the control plane's`);
  must(skipOf(c.number) > 0 || c.skip === NONE, `${name}: it skips to a checkpoint that there is not`);
  must(c.number > 1 || c.previous === NONE, `${name}: it follows one that there is not`);
  return hex(sha256(text));
};

// Checkpoints in their order: each that is there must be what those behind it say of it. `hashes`: number → hash, of those seen.
const checkLinks = (c, name, hashes) => {
  const before = hashes.get(c.number - 1);
  must(before === undefined || before === c.previous, () => `${name}: it does not follow from checkpoint ${c.number - 1}: one of them was exchanged, or the chain forks`);
  const further = hashes.get(skipOf(c.number));
  must(further === undefined || further === c.skip, () => `${name}: it does not follow from checkpoint ${skipOf(c.number)}: one of them was exchanged, or the chain forks`);
};

export const checkCheckpoints = (pack, keys, at) => {
  const checkpoints = new Map();
  const hashes = new Map();
  let last = null;
  for (const { checkpoint: c, counts } of pack.checkpoints) {
    const name = at(`checkpoint ${c.number}`);
    const hash = checkOne(c, name, keys);
    must(last === null || c.number > last.number, `${name}: it is not in its place`);
    must(last === null || (c.at >= last.at && c.tip >= last.tip), `${name}: it goes back in time`);
    must(inTurn(keys, c.key, last?.key), `${name}: it is signed with a key that another one had followed`);
    checkLinks(c, name, hashes);
    must(counts === undefined || isTree(counts.map(countLeaf), c.counts), `${name}: the counts of sessions are not those it was signed with`);
    checkpoints.set(c.number, { ...c, list: counts });
    hashes.set(c.number, hash);
    last = c;
  }
  must(last, "checkpoints: there is none");
  // none may stand by itself: from the last one a way leads to each
  const led = new Set([last.number]);
  for (const number of [...checkpoints.keys()].reverse()) {
    must(led.has(number), `checkpoint ${number}: no later one leads to it: a checkpoint between was taken away`);
    led.add(number - 1).add(skipOf(number));
  }
  return { checkpoints, hashes, last };
};

// --- the directory of checkpoints ---

export const FILE = /^(\d{10})(?:-([2-9]))?\.json$/;

// `files`: name → bytes. The whole chain, from the first on; every session's head follows from it.
export const checkDirectory = (files, keys, at) => {
  const taken = new Map();
  for (const name of [...files.keys()].filter((n) => FILE.test(n)).sort()) {
    const number = Number(FILE.exec(name)[1]);
    taken.set(number, [...(taken.get(number) ?? []), name]);
  }
  must(taken.size > 0, "checkpoints: there is none in the directory");
  const [hashes, chain, heads] = [new Map(), [], new Map()];
  for (let number = 1; number <= Math.max(...taken.keys()); number++) {
    must(taken.has(number), `checkpoint ${number}: its file is missing`);
    const names = taken.get(number).sort((a, b) => Number(FILE.exec(a)[2] ?? 1) - Number(FILE.exec(b)[2] ?? 1));
    const file = names.at(-1);
    const name = at(`checkpoint ${number} (${file})`);
    const bytes = files.get(file);
    names.slice(0, -1).forEach((torn) => must(bytes.subarray(0, files.get(torn).length).equals(files.get(torn)), `checkpoint ${number} (${torn}): it is not the beginning of ${file}`));
    let read;
    try {
      must(bytes.at(-1) === 0x0a, `${name}: it cannot be read: it is cut off or damaged`);
      read = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch {
      throw new Wrong(`${name}: it cannot be read: it is cut off or damaged`);
    }
    const c = read.checkpoint;
    const hash = checkOne(c, name, keys);
    must(c.number === number, `${name}: it is number ${c.number}`);
    checkLinks(c, name, hashes);
    must(isTree(read.changed.map(headLeaf), c.changed), `${name}: its list of sessions is not the one that was signed`);
    must(isTree(read.counts.map(countLeaf), c.counts), `${name}: its counts of sessions are not those that were signed`);
    must(chain.length === 0 || (c.at >= chain.at(-1).at && c.tip >= chain.at(-1).tip), `${name}: it goes back in time`);
    must(inTurn(keys, c.key, chain.at(-1)?.key), `${name}: it is signed with a key that another one had followed`);
    hashes.set(number, hash);
    for (const head of read.changed) {
      heads.set(head.session, [...(heads.get(head.session) ?? []), { checkpoint: number, head }]);
    }
    chain.push(c);
  }
  const now = [...heads].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, all]) => headLeaf(all.at(-1).head));
  must(isTree(now, chain.at(-1).sessions), `checkpoint ${chain.length}: the sessions of all files are not those it was signed with`);
  return { hashes, heads, last: chain.at(-1) };
};

export const filesIn = (directory) => {
  if (!existsSync(directory)) throw new Unusable(`there is no directory ${directory}`);
  return new Map(readdirSync(directory).filter((name) => FILE.test(name)).map((name) => [name, readFileSync(join(directory, name))]));
};
