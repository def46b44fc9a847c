// Shows the newest events, asked for once a second.
const list = document.getElementById("events");
const hooks = document.getElementById("hooks");

const element = (name, ...content) => {
  const made = document.createElement(name);
  made.append(...content);
  return made;
};

const facts = (event) => {
  const webhooks = event.webhooks.map(({ to, status }) => `${status} ${to}`).join(", ");
  const facts = { ticket: event.ticket_id, topic: event.topic, queue: event.queue, owner: event.owner_id, webhook: webhooks };
  const told = Object.entries(facts).filter(([, fact]) => fact);
  return element("dl", ...told.flatMap(([name, fact]) => [element("dt", name), element("dd", element("code", fact))]));
};

let shown = "";
const look = async () => {
  try {
    const answer = await fetch("demo/events");
    const text = await answer.text();
    if (answer.ok && text !== shown) {
      const { events, has_endpoints } = JSON.parse(text);
      hooks.hidden = has_endpoints;
      list.replaceChildren(...events.map((event) => element("li", element("strong", event.type), facts(event))));
      shown = text;
    }
  } catch {
    // The server is not there just now; the next look may find it.
  }
  setTimeout(look, 1000);
};
look();
