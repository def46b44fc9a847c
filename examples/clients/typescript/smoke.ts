// A generated client against a running server: SK_TICKETS_URL=http://127.0.0.1:8080 SK_TICKETS_KEY=sk_test_tk_… npm run smoke
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

const client = createClient<paths>({
  baseUrl: process.env.SK_TICKETS_URL!,
  headers: { Authorization: `Bearer ${process.env.SK_TICKETS_KEY}` },
});
const run = `typescript-${Date.now()}`;

async function makeTicket(number: number) {
  const made = await client.POST("/tickets/v1/tickets", {
    params: { header: { "Idempotency-Key": `${run}-${number}` } },
    body: { subject: `Part ${number} delayed`, source: "voice", tags: [run] },
  });
  assert(made.data, made.error?.detail);
  return { ticket: made.data, replayed: made.response.headers.get("Idempotent-Replayed") };
}

// The same key makes the same ticket.
const first = await makeTicket(1);
const again = await makeTicket(1);
assert.equal(again.ticket.id, first.ticket.id);
assert.deepEqual([first.replayed, again.replayed], [null, "true"]);

// A list is read to its end by cursors.
for (let number = 2; number <= 5; number += 1) await makeTicket(number);
async function listAll() {
  const tickets: components["schemas"]["Ticket"][] = [];
  const query: paths["/tickets/v1/tickets"]["get"]["parameters"]["query"] = { tag: run, limit: 2, order: "asc" };
  for (;;) {
    const { data, error } = await client.GET("/tickets/v1/tickets", { params: { query } });
    assert(data, error?.detail);
    tickets.push(...data.data);
    if (!data.has_more) return tickets;
    assert(data.next_cursor);
    query.cursor = data.next_cursor;
  }
}
const subjects = (await listAll()).map((ticket) => ticket.subject);
assert.deepEqual(subjects, [1, 2, 3, 4, 5].map((number) => `Part ${number} delayed`));

// A refusal is a problem, with its type.
const refused = await client.POST("/tickets/v1/tickets/{id}/transitions", {
  params: { path: { id: first.ticket.id }, header: { "Idempotency-Key": `${run}-move` } },
  body: { to: "new" },
});
const problem: components["schemas"]["Problem"] | undefined = refused.error;
assert.equal(problem?.code, "illegal_transition");
assert.equal(problem.status, 409);
console.log("the TypeScript client works");
