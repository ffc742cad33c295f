// A small approver: takes notifications of one group from the queue, shows them, and sends what its person says as a review.
//
//   AMQP_URL=… node approver.mjs GROUP TOKEN-COMMAND…
//
// out, one JSON object a line: {"listening":…}, {"notification":{…}}, {"outcome":{…}}
// in, one line each, about the oldest notification without an answer: `approve [comment]`, `deny [comment]`;
//     or `send {…}`: a review exactly as written (that is how the tests try what nobody should).
// TOKEN-COMMAND prints the reviewer's token; it is run for every answer, because such a token lives minutes and counts once.
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import amqp from "amqplib";

const [group, ...tokenCommand] = process.argv.slice(2);
if (!process.env.AMQP_URL || tokenCommand.length === 0) {
  console.error("usage: AMQP_URL=… approver.mjs GROUP TOKEN-COMMAND…");
  process.exit(2);
}
const tell = (what) => console.log(JSON.stringify(what));
const token = () => execFileSync(tokenCommand[0], tokenCommand.slice(1), { encoding: "utf8" }).trim();

const connection = await amqp.connect(process.env.AMQP_URL);
const channel = await connection.createConfirmChannel();
const waiting = [];

// A queue of this process's own: a real approver, who must not miss what happens while they are away, would name a durable one.
const { queue: inbox } = await channel.assertQueue("", { exclusive: true });
for (const kind of ["request.submitted", "hold.opened"]) {
  await channel.bindQueue(inbox, "accessplane.notifications", `${kind}.${group}`);
}
await channel.consume(inbox, (message) => {
  const notification = JSON.parse(message.content.toString());
  waiting.push(notification);
  tell({ notification });
  channel.ack(message);
});

const { queue: answers } = await channel.assertQueue("", { exclusive: true });
await channel.consume(answers, (message) => {
  tell({ outcome: JSON.parse(message.content.toString()) });
  channel.ack(message);
});

async function send(review) {
  channel.sendToQueue("accessplane.reviews", Buffer.from(JSON.stringify(review)), {
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
    const { id, expectedVersion, kind } = waiting.shift();
    await send({ kind: kind ?? "request", id, expectedVersion, verdict: verb, ...(rest && { comment: rest }), token: token() });
  } else {
    tell({ ignored: line, waiting: waiting.length });
  }
}
await connection.close();
