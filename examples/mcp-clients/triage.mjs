// An agent in Node, by the official MCP client (the TypeScript SDK): triage, a retry, a refusal, pages. Prints what it saw as
// JSON. TRIAGE_KEY and FULL_KEY are API keys, the argument is the URL.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const OWNER = 'agt_01J9X2M3N4P5Q6R7S8T9VAWBXC';

async function connect(key) {
  const client = new Client({ name: 'triage', version: '1.0.0' });
  const requestInit = { headers: { Authorization: `Bearer ${key}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(process.argv[2]), { requestInit }));
  // The client checks results against the schemas of the tools that it has listed.
  return { client, tools: (await client.listTools()).tools.map((tool) => tool.name) };
}

async function call(client, name, args = {}) {
  const result = await client.callTool({ name, arguments: args });
  if (result.isError) throw new Error(result.content[0].text);
  return result.structuredContent;
}

const seen = {};
const triage = await connect(process.env.TRIAGE_KEY);
seen.triage_tools = triage.tools;
const options = await call(triage.client, 'triage_options');
const claimed = await call(triage.client, 'queue_claim_next', { queue: options.queues[0].key, owner_id: OWNER });
const ticket_id = claimed.ticket.id;
const got = await call(triage.client, 'ticket_get', { ticket_id });
await call(triage.client, 'ticket_triage', {
  ticket_id,
  priority: 'high',
  tags: ['spare-part'],
  expected_version: got.ticket.version,
});
await call(triage.client, 'ticket_note', { ticket_id, body: 'The supplier ships on Friday' });

// What is not lawful is refused with what would be.
const refused = await triage.client.callTool({ name: 'ticket_transition', arguments: { ticket_id, to: 'new' } });
if (!refused.isError) throw new Error('it is not lawful');
seen.refused = refused.structuredContent;
const moved = await call(triage.client, 'ticket_transition', {
  ticket_id,
  to: seen.refused.allowed[0],
  reason: 'Waits for the part',
});
seen.ticket_id = ticket_id;
seen.status = moved.ticket.status;
seen.resource = (await triage.client.readResource({ uri: `ticket://${ticket_id}` })).contents[0].text;
seen.prompts = (await triage.client.listPrompts()).prompts.map((prompt) => prompt.name);
await triage.client.close();

const full = await connect(process.env.FULL_KEY);
seen.full_tools = full.tools;
// The answer is lost, say; so the host calls again.
seen.replies = [];
for (let time = 0; time < 2; time += 1) {
  const reply = await call(full.client, 'ticket_reply', { ticket_id, body: 'On its way' });
  seen.replies.push([reply.entry.id, reply.replayed]);
}
seen.pages = [];
let cursor = null;
do {
  const page = await call(full.client, 'tickets_list', cursor === null ? { limit: 50 } : { limit: 50, cursor });
  seen.pages.push(page.data.map((card) => card.id));
  cursor = page.next_cursor;
} while (cursor !== null);
await full.client.close();

console.log(JSON.stringify(seen));
