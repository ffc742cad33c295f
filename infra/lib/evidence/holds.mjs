// What an agent let pass because people had released it: its own signed words beside those of the log about who that was, and what they had before them.
import { hex, must, sha256 } from "./basics.mjs";

const nameOf = (actor) => [actor, ...actor.act].map((link) => link.name).join(" via ");
const isSame = (bound, shown) =>
  bound === null ? shown.text === undefined && shown.base64 === undefined
  : typeof bound === "string" ? shown.text === bound
  : shown.base64 === (bound.base64 ?? Buffer.from(bound.bytes).toString("base64"));

// `isWhole`: no part of the transcript is known to be missing.
export const checkReleases = (id, head, entries, isWhole, streams) => {
  for (const ended of entries.filter((e) => e.kind === "hold-ended" && e.outcome === "released")) {
    const name = `${id}, operation ${ended.op}`;
    const events = streams.get(ended.hold) ?? [];
    const all = (type) => events.filter((e) => e.type === type).map((e) => e.data);
    const [[held], [released]] = [all("operation_held"), all("hold_released")];
    must(held, `${name}: the hold ${ended.hold}, from which it was released, is missing`);
    const asked = held.operation;
    must(held.agent === head.agent && asked.session === head.session && asked.grant === head.grant && asked.op === ended.op, `${name}: the hold ${ended.hold} is of another operation`);

    const ran = entries.find((e) => e.kind === "statement" && e.op === ended.op);
    must(ran || !isWhole, `${name}: it was released, and its statement is missing`);
    if (ran) {
      must(hex(sha256(asked.text)) === asked.textHash && (ran.textHash ? ran.textHash === asked.textHash : ran.text === asked.text), `${name}: what ran is not the statement that was released`);
      must(!ran.params || (ran.params.length === asked.parameters.length && ran.params.every((bound, i) => isSame(bound, asked.parameters[i]))),
        `${name}: what ran was bound to other values than what was released`);
    }

    must(released, `${name}: its agent was told that ${ended.by} released it, and the log does not say so`);
    must(released.by === ended.by, `${name}: its agent was told that ${ended.by} released it, and the log says ${released.by}`);
    const lapsed = new Set(all("hold_review_lapsed").map((l) => l.review));
    const reviewers = all("hold_review_given").filter((r) => r.verdict === "approve" && !lapsed.has(r.review)).map((r) => r.reviewer);
    must(reviewers.length >= held.count && reviewers.map(nameOf).join(" and ") === released.by && reviewers.map((r) => `${r.issuer}|${r.subject}`).join("\n") === released.reviewers.join("\n"),
      `${name}: those who approved it are not those who released it`);
  }
};
