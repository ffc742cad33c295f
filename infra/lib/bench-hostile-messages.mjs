// Somebody at the broker: bench-hostile-messages.mjs AMQP-URL SECONDS QUEUE… Sends, at a bounded pace, what no control plane and no agent has sent to the
// queues: poison and forgeries in turn. Writes `ready` before it begins, and at the end, in one line, what it did and how much of a processor it used.
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";

const amqp = createRequire(new URL("../approver/package.json", import.meta.url))("amqplib");
const [url, seconds, ...queues] = process.argv.slice(2);
const PACE = 150; // a second
const KINDS = {
  Directive: { agent: "orders-agent", epoch: 1, position: 10 ** 9, previous: 10 ** 9 - 1, kind: "grant-ended", body: "{}", at: "2026-01-01T00:00:00Z" },
  Report: { agent: "orders-agent", id: "00000000-0000-7000-8000-000000000000", kind: "lease-ask", body: "{}", at: "2026-01-01T00:00:00Z" },
};
const forged = (kind) => JSON.stringify({
  messageType: [`urn:message:AccessPlane.Contracts.Messages:${kind}`], message: { ...KINDS[kind], signature: randomBytes(64).toString("base64") },
});

const connection = await amqp.connect(url);
const channel = await connection.createConfirmChannel();
channel.on("return", ({ fields }) => {
  console.error(`\`${fields.routingKey}\` did not take it`);
  process.exit(1);
});
console.log("ready");
const [began, used] = [performance.now(), process.cpuUsage()];
const passed = () => (performance.now() - began) / 1000;
let sent = 0;
while (passed() < Number(seconds)) {
  const early = sent / PACE - passed();
  if (early > 0) await new Promise((resolve) => setTimeout(resolve, early * 1000));
  const queue = queues[sent % queues.length];
  const text = sent % 4 === 3 ? "not json" : forged(queue.endsWith("reports") ? "Report" : "Directive");
  channel.sendToQueue(queue, Buffer.from(text), { mandatory: true, contentType: "application/vnd.masstransit+json" });
  sent++;
}
await channel.waitForConfirms();
const { user, system } = process.cpuUsage(used);
console.log(JSON.stringify({ sent, processor: (user + system) / 1e6 / passed() }));
await connection.close();
