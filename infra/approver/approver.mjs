// A small approver: takes notifications of one group from the queue, shows them, and sends what its person says as a review.
//
//   AMQP_URL=… node approver.mjs QUEUE GROUP TOKEN-COMMAND…
//
// AMQP_URL is that of the approver's own user, QUEUE what its queues are called: `POST /v1/approvers` gives both.
// out, one JSON object a line: {"listening":…}, {"notification":{…}}, {"outcome":{…}}
// in, one line each, about the oldest notification without an answer: `approve [comment]`, `deny [comment]`;
//     `approve ID [comment]` about another one; or `send {…}`: a review exactly as written (that is how the tests try what nobody should).
// TOKEN-COMMAND prints the reviewer's token; it is run for every answer, because such a token lives minutes and counts once.
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import amqp from "amqplib";

const [own, group, ...tokenCommand] = process.argv.slice(2);
if (!process.env.AMQP_URL || tokenCommand.length === 0) {
  console.error("usage: AMQP_URL=… approver.mjs QUEUE GROUP TOKEN-COMMAND…");
  process.exit(2);
}
const tell = (what) => console.log(JSON.stringify(what));
const token = () => execFileSync(tokenCommand[0], tokenCommand.slice(1), { encoding: "utf8" }).trim();

const connection = await amqp.connect(process.env.AMQP_URL);
const channel = await connection.createConfirmChannel();
const waiting = [];

// The queue was made for this approver, and keeps what comes while they are away.
await channel.consume(own, (message) => {
  const notification = JSON.parse(message.content.toString());
  const known = waiting.findIndex((other) => other.id === notification.id);
  if (known >= 0) waiting.splice(known, 1); // it waits for another step now, or was decided
  if (message.fields.routingKey.includes(".submitted") || message.fields.routingKey.includes(".opened")) {
    if (Date.parse(notification.expiresAt) > Date.now()) {
      waiting.push(notification);
      tell({ notification });
    }
  }
  channel.ack(message);
});

const { queue: answers } = await channel.assertQueue(`${own}.${randomUUID()}`, { exclusive: true });
await channel.consume(answers, (message) => {
  tell({ outcome: JSON.parse(message.content.toString()) });
  channel.ack(message);
});

async function send(review) {
  channel.publish("accessplane.reviews", "", Buffer.from(JSON.stringify(review)), {
    contentType: "application/json", persistent: true, replyTo: answers, correlationId: randomUUID(),
  });
  await channel.waitForConfirms();
}

tell({ listening: group });
for await (const line of createInterface({ input: process.stdin })) {
  const [verb, rest] = line.match(/^(\S*)\s*(.*)$/).slice(1);
  if (verb === "send") {
    await send(JSON.parse(rest));
  } else if ((verb === "approve" || verb === "deny") && waiting.length > 0) {
    const [first, ...more] = rest.split(" ");
    const named = waiting.findIndex((notification) => notification.id === first);
    const [{ id, expectedVersion, kind }] = waiting.splice(Math.max(named, 0), 1);
    const comment = named < 0 ? rest : more.join(" ");
    await send({ kind: kind ?? "request", id, expectedVersion, verdict: verb, ...(comment && { comment }), token: token() });
  } else {
    tell({ ignored: line, waiting: waiting.length });
  }
}
await connection.close();
