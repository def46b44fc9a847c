// Receives webhooks of SK Tickets and verifies them with the official Standard Webhooks library.
//
//     npm ci
//     WEBHOOK_SECRET=whsec_... PORT=9000 node receiver.mjs

import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.WEBHOOK_SECRET);

const server = createServer(async (request, response) => {
  // The raw body: what was signed is the bytes, not what they parse to.
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  try {
    const event = webhook.verify(Buffer.concat(chunks), request.headers);
    // Act on it here. Deliveries come at least once: note webhook-id, and do nothing the second time.
    console.log(`verified ${event.type} ${event.ticket_id}`);
    response.writeHead(204).end();
  } catch (error) {
    console.log(`refused: ${error.message}`);
    response.writeHead(400).end();
  }
});

server.listen(Number(process.env.PORT ?? 9000), "127.0.0.1", () => {
  console.log(`waiting for webhooks at http://127.0.0.1:${server.address().port}/`);
});
