// What the tests stand on: the real server, whose key they have; a Chromium; and shops on other origins.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";

import { chromium } from "playwright-core";

/** Where the server is. */
export const server = process.env.SK_TICKETS_ORIGIN;
const screenshots = process.env.SCREENSHOTS;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** The shortest time that anybody needs to fill in a form, and what a slow machine takes to note it. */
const fillTime = 2_100;

export const browser = await chromium.launch({
  executablePath: process.env.PATH.split(delimiter).map((folder) => join(folder, "chromium")).find(existsSync),
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});

/** Asks the API, with the key. */
export async function api(method, path, body) {
  const headers = { authorization: `Bearer ${process.env.SK_TICKETS_KEY}`, "idempotency-key": randomUUID() };
  if (body) headers["content-type"] = "application/json";
  const answer = await fetch(`${server}/tickets/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  const json = await answer.json();
  assert.ok(answer.ok, `${method} ${path}: ${JSON.stringify(json)}`);
  return json;
}

/** A form of its own, with a topic of its own that leads to a queue with an owner. */
export async function makeForm(more = {}) {
  const topic = randomUUID();
  const owner = "usr_01J9X2M3N4P5Q6R7S8T9VAWBXC";
  await api("POST", "/queues", { key: `q-${topic}`, topics: [topic], default_owner_id: owner, default_priority: "high" });
  const topics = [{ key: topic, label: "Where is my order?" }, { key: "other", label: "Something else" }];
  const form = await api("POST", "/forms", { name: "How can we help?", topics, ...more });
  const at = `${server}/tickets/v1/forms/${form.id}`;
  /** Every ticket that came of it. */
  const tickets = async () => (await api("GET", "/tickets?source=form&limit=100")).data.filter((one) => one.topic === topic);
  return { ...form, topic, queue: `q-${topic}`, owner, page: `${at}/page`, script: `${at}/embed.js`, tickets };
}

/** A site on another origin: `friend` by one name, `stranger` by another. Its pages are made by their paths. */
export async function makeShop(pages) {
  const shop = createServer((asked, answer) => {
    const page = pages[asked.url];
    answer.writeHead(page ? 200 : 404, { "content-type": "text/html; charset=utf-8" });
    answer.end(page && `<!doctype html><html lang="en"><title>Shop</title><main><h1>Shop</h1>${page()}</main></html>`);
  });
  await new Promise((listening) => shop.listen(0, "127.0.0.1", listening));
  const { port } = shop.address();
  return { friend: `http://localhost:${port}`, stranger: `http://127.0.0.1:${port}`, close: () => shop.closeAllConnections() ?? shop.close() };
}

/** A visitor: a tab that notes whom it asks and what it complains of. */
export async function visit(url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const asked = [];
  const complaints = [];
  page.on("request", (request) => asked.push(new URL(request.url())));
  page.on("pageerror", (error) => complaints.push(`${error}`));
  page.on("console", (message) => {
    // That an answer is a refusal is no fault of the page's, and that the attribute is of no use in a frame is known.
    const isExpected = /status of 4\d\d|^Blocked autofocusing/.test(message.text());
    if (["error", "warning"].includes(message.type()) && !isExpected) complaints.push(message.text());
  });
  await page.goto(url);
  const since = Date.now();
  return {
    page,
    complaints,
    /** Lets the time pass that it takes to fill in a form. */
    async read() {
      await page.waitForTimeout(Math.max(0, since + fillTime - Date.now()));
    },
    /** What holds at the end of every visit. */
    async leave(origins = [server]) {
      const strangers = asked.filter(({ origin, protocol }) => /^http/.test(protocol) && !origins.includes(origin));
      assert.deepEqual(strangers.map(String), [], "nobody else is asked");
      assert.deepEqual(await context.cookies(), [], "there are no cookies");
      assert.deepEqual(complaints, []);
      await context.close();
    },
  };
}

/** Fills in a form. `at` is a page or a frame. */
export async function fill(at, form, more = {}) {
  const typed = { name: "Ann Smith", email: "ann@example.com", subject: "Where is it?", message: "Since two weeks.", ...more };
  for (const [field, text] of Object.entries(typed)) await at.fill(`#${field}`, text);
  await at.selectOption("#topic", form.topic);
}

export const send = (at) => at.click("button[type=submit]");

/** The id and the class of what has the focus. */
export const focused = (at) =>
  at.evaluate(() => [document.activeElement.id, document.activeElement.className].filter(Boolean).join("."));

/** That assistive technology, the eye and the window find nothing amiss. */
export async function judge(at, what) {
  const violations = await at.evaluate(
    `${axe}; axe.run(document, { runOnly: ${JSON.stringify(rules)}, resultTypes: ["violations"] }).then(({ violations }) =>
      violations.map(({ id, help, nodes }) => [id, help, ...nodes.map(({ html, failureSummary }) => html + failureSummary)]))`,
  );
  assert.deepEqual(violations, [], `axe-core: ${what}`);
  const [width, inner] = await at.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(width <= inner, `${what}: ${width} px are wider than the ${inner} px there are`);
}

export const picture = (page, name) => page.screenshot({ path: join(screenshots, `form-${name}.png`), fullPage: true });
