// The whole of a document. Checked in this order: its form, its checkpoints, its events, its sessions, that they belong together and none is missing,
// what the directory of checkpoints says, and the control plane's seal over every byte.
import { readFileSync } from "node:fs";
import { FILE, checkCheckpoints, checkDirectory, filesIn } from "./checkpoints.mjs";
import { checkEvents, checkGrants, checkSession, checkStreams } from "./records.mjs";
import { KIND, Unusable, Wrong, fingerprint, followKeys, headLeaf, hex, inTurn, isSigned, keyOf, must, sha256 } from "./basics.mjs";

export { Wrong, filesIn };

// --- whether all is there ---

const checkAbout = (pack, streams, at) => {
  at("export");
  const exported = streams.get(pack.export)?.find((e) => e.type === "evidence_exported")?.data;
  must(exported, "export: the event that recorded it is missing");
  for (const member of ["request", "session", "from", "to", "resource"]) {
    must(exported[member] === pack.about[member], `export: it was of another ${member} than this says`);
  }
  must(exported.by.issuer === pack.exportedBy.issuer && exported.by.subject === pack.exportedBy.subject, "export: somebody else made it");
  const { request, session, from } = pack.about;
  must(!request || streams.get(request)?.some((e) => e.type === "request_submitted"), `request ${request}: it is missing`);
  must(!session || (pack.sessions.length === 1 && pack.sessions[0].head.session === session), `session ${session}: it is missing`);
  must(!from || pack.window, "window: it is missing");
};

// The counts of two checkpoints say how many sessions of each agent began between them.
const checkCounts = (pack, { checkpoints, last }, streams, at) => {
  if (!pack.about.from) return;
  at("window");
  const [after, upTo] = [checkpoints.get(pack.window.after), checkpoints.get(pack.window.upTo)];
  must(pack.window.after === 0 || after?.list, `checkpoint ${pack.window.after}: the counts of sessions are not there`);
  must(pack.window.upTo === 0 || upTo?.list, `checkpoint ${pack.window.upTo}: the counts of sessions are not there`);
  must(!after || after.at < pack.about.from, "window: it begins too late");
  must(upTo.number === last.number || (pack.about.to && upTo.at >= pack.about.to), "window: it ends too early");
  const heads = pack.sessions.map((s) => s.head);
  for (const { agent, resource, sessions } of upTo.list.filter((c) => !pack.about.resource || c.resource === pack.about.resource)) {
    const due = sessions - (after?.list.find((c) => c.agent === agent && c.resource === resource)?.sessions ?? 0);
    const there = heads.filter((h) => h.agent === agent && h.resource === resource);
    must(there.length === due, () => `agent ${agent}: ${due} of its sessions on ${resource} began in this time, ${there.length} are here${missingNumbers(there)}`);
  }
  for (const head of heads) {
    const opened = streams.get(head.session).find((e) => e.type === "session_opened");
    must(opened.position > (after?.tip ?? 0) && opened.position <= upTo.tip, `session ${head.session}: it did not begin in this time`);
  }
};

const missingNumbers = (heads) => {
  const numbers = heads.map((h) => h.number).sort((a, b) => a - b);
  const holes = numbers.slice(1).flatMap((n, i) => Array.from({ length: Math.max(0, n - numbers[i] - 1) }, (_, k) => numbers[i] + 1 + k));
  return numbers.length === 0 ? "" : holes.length > 0 ? `: number ${holes.join(", ")} is missing` : `, numbers ${numbers[0]} to ${numbers.at(-1)}: one before or behind these is missing`;
};

const HOUR = 3_600_000;
const ON_ITS_WAY = 20;

// An agent counts its sessions, and each names the one before it. Where a number between two others is not here, its transcript never came, which the log says a minute after the next one did; or it
// was taken away before a checkpoint held it. Sessions may come late and in another order: near the ends of the period one may belong elsewhere, or be on its way.
const checkNumbers = (pack, { checkpoints }, streams, at, notes) => {
  if (!pack.about.from || pack.about.resource) return;
  at("window");
  const [after, upTo] = [checkpoints.get(pack.window.after), checkpoints.get(pack.window.upTo)];
  const all = [...streams.values()].flat();
  // each enrolment begins to count anew
  const countOf = (agent, position) => `${agent}\n${Math.max(0, ...all.filter((e) => e.type === "agent_enrolled" && e.data.agent === agent && e.position < position).map((e) => e.position))}`;
  const said = new Set(all.filter((e) => e.type === "evidence_gap_found" && e.data.kind === "session-missing")
    .map((e) => `${countOf(e.data.agent, e.position)}\n${/number (\d+) never arrived$/.exec(e.data.detail)?.[1]}`));
  const counts = new Map();
  for (const { head } of pack.sessions) {
    const opened = streams.get(head.session).find((e) => e.type === "session_opened");
    const count = countOf(head.agent, opened.position);
    counts.set(count, [...(counts.get(count) ?? []), { agent: head.agent, number: head.number, id: head.session, previous: opened.data.previous, at: Date.parse(opened.at) }]);
  }
  for (const [count, sessions] of counts) {
    sessions.sort((a, b) => a.number - b.number);
    sessions.slice(1).forEach((next, i) => {
      const before = sessions[i];
      must(next.number !== before.number + 1 || next.previous === undefined || next.previous === before.id,
        `session ${next.id}: another session than number ${before.number} of the agent ${next.agent} came before it`);
      for (let number = before.number + 1; number < next.number && number - before.number <= ON_ITS_WAY; number++) {
        if (said.has(`${count}\n${number}`)) continue;
        const what = `agent ${next.agent}: its session number ${number} is not here`;
        must((after && before.at - Date.parse(after.at) <= HOUR) || Date.parse(upTo.at) - next.at <= HOUR, `${what}, and the log does not say that it never came`);
        notes.push(`${what}: it may be on its way, or outside of this time`);
      }
    });
  }
};

const checkSeal = (bytes, pack, key, at) => {
  at("pack");
  const mark = Buffer.from(',"signature":"');
  const end = bytes.lastIndexOf(mark);
  must(end > 0 && bytes.subarray(end).equals(Buffer.concat([mark, Buffer.from(`${pack.signature}"}`)])), "pack: something was added behind its end");
  must(isSigned(key, `${KIND}\n${hex(sha256(bytes.subarray(0, end)))}`, pack.signature, "pack"), "pack: its seal is not the control plane's: something in it was changed, added or taken away");
};

// --- beside the directory of checkpoints ---

const compareWithDirectory = (pack, proven, streams, directory, at, notes) => {
  for (const [number, hash] of proven.hashes) {
    at(`checkpoint ${number}`);
    must(!directory.hashes.has(number) || directory.hashes.get(number) === hash, `checkpoint ${number}: the directory holds another one under this number: the chain forks`);
  }
  if (directory.last.number < proven.last.number) {
    notes.push(`the directory ends with checkpoint ${directory.last.number}, ${proven.last.number - directory.last.number} before the pack's last`);
  }
  const grants = new Set([...streams.values()].flat().filter((e) => e.type === "grant_issued").map((e) => e.data.grant));
  const here = new Map(pack.sessions.map((s) => [s.head.session, s.head]));
  for (const [session, all] of directory.heads) {
    const known = all.filter((h) => h.checkpoint <= proven.last.number);
    if (known.length === 0) continue;
    const { checkpoint: first, head } = known[0];
    const belongs = pack.about.request ? grants.has(head.grant)
      : pack.about.from ? first > pack.window.after && first <= pack.window.upTo && (!pack.about.resource || head.resource === pack.about.resource)
      : session === pack.about.session;
    must(!belongs || here.has(session), `session ${session}: checkpoint ${first} holds it (number ${head.number} of the agent ${head.agent}), and it is not here`);
    must(!here.has(session) || directory.last.number < proven.last.number || headLeaf(known.at(-1).head) === headLeaf(here.get(session)),
      `session ${session}: checkpoint ${known.at(-1).checkpoint} holds another head of it`);
  }
  if (directory.last.number >= proven.last.number) {
    here.forEach((_, session) => must(directory.heads.has(session), `session ${session}: no checkpoint of the directory holds it`));
  }
};

// --- all of it ---

// `bytes`: the document. `files`: of the directory, or null. `trusted`: base64 keys or fingerprints that are known from elsewhere.
export const verify = (bytes, { files = null, trusted = [] } = {}) => {
  let place = "pack";
  const at = (where) => (place = where);
  const notes = [];
  try {
    const pack = bytes && parse(bytes);
    const keys = keysOf(pack, files, trusted);
    const directory = files && checkDirectory(files, keys, at);
    if (!pack) return { about: `${directory.last.number} checkpoints`, last: directory.last, key: directory.last.key, notes };
    const proven = checkCheckpoints(pack, keys, at);
    const streams = checkEvents(pack, proven, at);
    checkStreams(streams, at);
    checkGrants(streams, at);
    const entries = pack.sessions.flatMap((session) => checkSession(session, proven.last, streams, at, notes));
    must(pack.sessions.every((s, i) => i === 0 || s.head.session > pack.sessions[i - 1].head.session), "sessions: they are not in their order, or one is there twice");
    checkAbout(pack, streams, at);
    checkCounts(pack, proven, streams, at);
    checkNumbers(pack, proven, streams, at, notes);
    if (directory) compareWithDirectory(pack, proven, streams, directory, at, notes);
    checkSeal(bytes, pack, keys.get(pack.key), at);
    must(inTurn(keys, pack.key, proven.last.key), "pack: it is sealed with a key that another one had followed");
    const all = [...streams.values()].flat();
    const count = (...types) => all.filter((e) => types.includes(e.type)).length;
    all.filter((e) => e.type === "evidence_gap_found").forEach((e) => notes.push(`a finding of ${e.at}: ${e.data.kind}: ${e.data.detail}`));
    pack.sessions.filter((s) => !s.head.final).forEach((s) => notes.push(`session ${s.head.session} had no end yet`));
    return {
      about: `${count("request_submitted")} requests, ${count("review_given", "hold_review_given")} reviews, ${count("grant_issued")} grants, ` +
        `${pack.sessions.length} sessions with ${entries.filter((e) => e.kind === "statement").length} operations in ${entries.length} entries`,
      last: proven.last, key: pack.key, notes,
    };
  } catch (error) {
    // nothing here reads or writes: whatever fails, fails for a member that is missing, is no text, no number or no list. The place says where
    throw error instanceof Wrong ? error : new Wrong(`${place}: something in it is missing or malformed`);
  }
};

const parse = (bytes) => {
  let pack;
  try {
    pack = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new Wrong("pack: it is no JSON document: it is cut off or damaged");
  }
  must(pack?.kind === KIND, "pack: it is no evidence of this kind");
  return pack;
};

// Without a key from elsewhere, the document's own is all there is, and whoever made the document up made that up too: it is named at the end.
const keysOf = (pack, files, trusted) => {
  const own = pack ? pack.key : firstKey(files);
  must(typeof own === "string", "pack: it names no key");
  const keys = followKeys(new Map([[own, keyOf(own, "pack: its key")]]), [...(pack?.keys ?? []), ...(files ? lastKeys(files) : [])]);
  must(trusted.length === 0 || [...keys.keys()].some((key) => trusted.includes(key) || trusted.includes(fingerprint(key))),
    `pack: its key, ${fingerprint(own)}, is not the one you gave, and none that it follows or that follows it is`);
  trusted.filter((t) => !t.startsWith("sha256:") && t !== own).forEach((t) => keys.set(t, keyOf(t, "the key you gave")));
  return keys;
};

// How the keys follow each other, as the newest file says.
const lastKeys = (files) => {
  for (const name of [...files.keys()].filter((n) => FILE.test(n)).sort().reverse()) {
    try {
      return JSON.parse(files.get(name)).keys ?? [];
    } catch {
      continue; // cut off: said where it is its turn
    }
  }
  return [];
};

const firstKey = (files) => {
  const first = [...files.keys()].filter((n) => FILE.test(n)).sort()[0];
  must(first, "checkpoints: there is none in the directory");
  try {
    return JSON.parse(files.get(first)).checkpoint.key;
  } catch {
    throw new Wrong(`${first}: it cannot be read: it is cut off or damaged`);
  }
};

const USAGE = "usage: verify-evidence [PACK.json] [--checkpoints DIRECTORY] [--key FILE|sha256:FINGERPRINT]…";

const readArguments = (given) => {
  const read = { pack: null, directory: null, trusted: [] };
  for (let i = 0; i < given.length; i++) {
    if (given[i] === "--checkpoints" && given[i + 1] && !read.directory) read.directory = given[++i];
    else if (given[i] === "--key" && given[i + 1]) read.trusted.push(given[i + 1].startsWith("sha256:") ? given[++i] : readFileSync(given[++i], "utf8").trim());
    else if (!given[i].startsWith("--") && !read.pack) read.pack = given[i];
    else throw new Unusable(USAGE);
  }
  if (!read.pack && !read.directory) throw new Unusable(USAGE);
  return read;
};

export const main = (given) => {
  try {
    const { pack, directory, trusted } = readArguments(given);
    const right = verify(pack && readFileSync(pack), { files: directory && filesIn(directory), trusted });
    console.log(`all is right: ${right.about}`);
    console.log(`it hangs on the key ${fingerprint(right.key)} and on checkpoint ${right.last.number} of ${right.last.at}`);
    right.notes.forEach((note) => console.log(`note: ${note}`));
    if (trusted.length === 0) console.log("note: you gave no key: compare this one with the control plane's, or who signed all this may be anybody");
    if (!directory) console.log("note: you gave no directory of checkpoints: nothing was compared with what was kept elsewhere");
    return 0;
  } catch (error) {
    if (error instanceof Wrong) {
      console.error(`wrong: ${error.message}`);
      return 1;
    }
    if (error instanceof Unusable || error.code) {
      console.error(error.message);
      return 2;
    }
    throw error;
  }
};
