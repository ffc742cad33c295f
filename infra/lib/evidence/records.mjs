// What was recorded: events, each proven by a checkpoint, and sessions, each segment signed by its agent.
import { Wrong, eventLeaf, flag, headLeaf, hex, isIncluded, isSigned, keyOf, leaf, must, sha256 } from "./basics.mjs";
import { checkReleases } from "./holds.mjs";

const nameOf = (event) => `event ${event.position} (${event.type} of ${event.stream})`;

export const checkEvents = (pack, { checkpoints }, at) => {
  const streams = new Map();
  let before = 0;
  for (const event of pack.events) {
    const name = at(nameOf(event));
    must(event.position > before, `${name}: it is not in its place, or is there twice`);
    before = event.position;
    const checkpoint = checkpoints.get(event.proof.checkpoint);
    must(checkpoint, `${name}: checkpoint ${event.proof.checkpoint}, which should prove it, is not there`);
    must(event.position <= checkpoint.tip && isIncluded(leaf(eventLeaf(event)), event.proof, checkpoint.events),
      `${name}: it is not what checkpoint ${checkpoint.number} holds`);
    if (!streams.has(event.stream)) streams.set(event.stream, []);
    streams.get(event.stream).push({ ...event, data: JSON.parse(event.data) });
  }
  return streams;
};

// Streams that the document holds whole, by how they begin. Those of sessions have their segments elsewhere, those of agents are shown in part.
const WHOLE = new Set(["request_submitted", "grant_issued", "operation_held", "evidence_exported"]);
export const checkStreams = (streams, at) => {
  for (const [stream, events] of streams) {
    at(`stream ${stream}`);
    if (events.some((e) => WHOLE.has(e.type))) {
      events.forEach((e, i) => must(e.version === i + 1, `stream ${stream}: its event number ${i + 1} is missing`));
    }
  }
};

// --- sessions ---

// The keys that an agent had when a position of the log was reached, the first one first: that of its enrolment, and each that the one before it vouches for.
const agentKeys = (streams, agent, position) => {
  const events = [...streams.values()].flat().filter((e) => e.position < position);
  const enrolled = events.filter((e) => e.type === "agent_enrolled" && e.data.agent === agent).at(-1);
  if (!enrolled) return [];
  let last = enrolled.data.publicKey;
  const keys = [keyOf(last, `${nameOf(enrolled)}: the agent's key`)];
  for (const event of events.filter((e) => e.type === "agent_key_announced" && e.data.key.agent === agent && e.position > enrolled.position)) {
    const [said, name] = [event.data.key, nameOf(event)];
    const text = ["accessplane.agent-key.v1", said.agent, said.generation, said.publicKey, said.previous].join("\n");
    const key = keyOf(said.publicKey, `${name}: the agent's key`);
    must(said.previous === last && said.generation === keys.length + 1 && isSigned(keys.at(-1), text, said.signature, name) && isSigned(key, text, said.acceptance, name),
      `${name}: the agent's key does not follow from the one before it`);
    keys.push(key);
    last = said.publicKey;
  }
  return keys;
};

const linesOf = (entries, name) => {
  must(entries.endsWith("\n"), `${name}: its last entry is cut off`);
  return entries.slice(0, -1).split("\n");
};

const checkSegment = (segment, session, agent, keys, name) => {
  let head = Buffer.from(segment.previousHead, "hex");
  let seq = segment.firstSeq;
  const entries = linesOf(segment.entries, name).map((line) => {
    let entry;
    try {
      entry = JSON.parse(line);
    } catch {
      throw new Wrong(`${name}, entry ${seq}: it cannot be read`);
    }
    must(entry.seq === seq, `${name}, entry ${seq}: its number is ${entry.seq}`);
    head = sha256(head, line);
    seq++;
    return entry;
  });
  must(seq === segment.lastSeq + 1, `${name}: it ends with entry ${seq - 1} where ${segment.lastSeq} was signed`);
  must(hex(head) === segment.head, `${name}: an entry from ${segment.firstSeq} to ${segment.lastSeq} is not what was signed`);
  must(keys.length > 0, `${name}: the agent's key is not there`);
  const signed = ["accessplane.segment.v1", session, agent, segment.number, segment.firstSeq, segment.lastSeq, segment.previousHead, segment.head, flag(segment.final, `${name}: whether it is the last`)];
  const generation = keys.findIndex((key) => isSigned(key, signed.join("\n"), segment.signature, name));
  must(generation >= 0, `${name}: the signature is not the agent's`);
  return { entries, generation };
};

const GAP = /: segments (\d+) to (\d+) \(entries (\d+) to (\d+)\) never arrived$/;

export const checkSession = ({ head, proof, segments }, last, streams, at, notes) => {
  const id = `session ${head.session}`;
  at(id);
  must(proof.checkpoint === last.number && isIncluded(leaf(headLeaf(head)), proof, last.sessions), `${id}: its head is not what checkpoint ${last.number} holds`);
  const own = streams.get(head.session) ?? [];
  const gaps = own.filter((e) => e.type === "evidence_gap_found" && e.data.kind === "segments-missing").map((e) => GAP.exec(e.data.detail)?.slice(1).map(Number)).filter(Boolean);
  let reached = { number: 0, seq: 0, head: hex(sha256(`accessplane.transcript.v1\n${head.session}`)), final: false, generation: 0 };
  const entries = [];
  for (const segment of segments) {
    const name = at(`${id}, segment ${segment.number}`);
    must(!reached.final, `${name}: it comes behind the session's end`);
    const gap = gaps.find((g) => g[0] === reached.number + 1 && g[1] === segment.number - 1 && g[2] === reached.seq + 1 && g[3] === segment.firstSeq - 1);
    if (gap) {
      notes.push(`${id}: segments ${gap[0]} to ${gap[1]} never arrived; the log says so`);
    } else {
      must(segment.number === reached.number + 1, `${name}: segment ${reached.number + 1} is missing or is not in its place`);
      must(segment.firstSeq === reached.seq + 1, `${name}: it begins with entry ${segment.firstSeq} where ${reached.seq + 1} is due`);
      must(segment.previousHead === reached.head, `${name}: it does not continue the chain`);
    }
    const sealed = checkSegment(segment, head.session, head.agent, agentKeys(streams, head.agent, segment.position), name);
    must(sealed.generation >= reached.generation, `${name}: it is signed with a key that another one had followed`);
    entries.push(...sealed.entries);
    reached = { number: segment.number, seq: segment.lastSeq, head: segment.head, final: segment.final, generation: sealed.generation };
  }
  must(reached.number === head.segments && reached.seq === head.entries,
    `${id}: checkpoint ${last.number} holds ${head.segments} segments with ${head.entries} entries, this ends with segment ${reached.number} and entry ${reached.seq}`);
  must(head.segments === 0 || (reached.head === head.head && reached.final === head.final), `${id}: its last segment is not the one that checkpoint ${last.number} holds`);
  must(own.length + segments.length >= Math.max(0, ...own.map((e) => e.version)), `${id}: one of its events is missing`);

  const opened = own.find((e) => e.type === "session_opened")?.data;
  must(opened, `${id}: the event that opened it is missing`);
  for (const member of ["session", "grant", "resource", "agent", "number"]) {
    must(opened[member] === head[member], `${id}: it was opened with another ${member} than the checkpoint holds`);
  }
  const start = entries[0]?.start;
  must(!start || start.previous === opened.previous, `${id}: it was opened behind another session than its agent has signed`);
  must(head.segments === 0 || gaps.some((g) => g[0] === 1) || (entries[0].kind === "start" && start.session === head.session && start.grant === head.grant &&
    start.agent === head.agent && start.number === head.number && start.resource === head.resource), `${id}: its first entry opens another session`);
  must(!head.final || own.some((e) => ["session_closed", "session_terminated", "session_lost"].includes(e.type)), `${id}: the event that ended it is missing`);
  checkGround(id, head, start, streams);
  checkReleases(id, head, entries, gaps.length === 0, streams);
  return entries;
};

// A session stands on a grant, and that on a request of the same person.
const checkGround = (id, head, start, streams) => {
  const issued = streams.get(head.grant)?.find((e) => e.type === "grant_issued")?.data;
  must(issued, `${id}: its grant ${head.grant} is missing`);
  must(issued.resource === head.resource, `${id}: its grant is for another resource`);
  must(!start || (start.holder.issuer === issued.holder.issuer && start.holder.subject === issued.holder.subject), `${id}: its grant is another's`);
};

export const checkGrants = (streams, at) => {
  for (const issued of [...streams.values()].flat().filter((e) => e.type === "grant_issued")) {
    const name = at(`grant ${issued.data.grant}`);
    const asked = streams.get(issued.data.request)?.find((e) => e.type === "request_submitted")?.data;
    must(asked, `${name}: its request ${issued.data.request} is missing`);
    must(asked.requester.issuer === issued.data.holder.issuer && asked.requester.subject === issued.data.holder.subject, `${name}: somebody else asked for it`);
    must(asked.entitlement === issued.data.entitlement && asked.resource === issued.data.resource, `${name}: something else was asked for`);
  }
};
