// The support form in a real Chromium, as the real server gives it.
import assert from "node:assert/strict";
import { after, test } from "node:test";

import { api, browser, fill, focused, judge, makeForm, makeShop, picture, send, server, visit } from "./stage.mjs";

after(() => browser.close());

const desktop = { viewport: { width: 1280, height: 900 } };
const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
const views = {
  desktop,
  phone,
  "desktop-dark": { ...desktop, colorScheme: "dark" },
  "phone-dark": { ...phone, colorScheme: "dark" },
  "forced-colors": { ...desktop, forcedColors: "active" },
  "without-scripts": { ...desktop, javaScriptEnabled: false },
};

for (const [name, view] of Object.entries(views)) {
  test(`from the empty form over its faults to the receipt: ${name}`, async () => {
    const form = await makeForm();
    const scripts = view.javaScriptEnabled !== false;
    const { page, read, leave } = await visit(form.page, view);
    if (scripts) await judge(page, `${name}, the form`);
    await picture(page, `${name}-empty`);

    await fill(page, form, { email: "nonsense", subject: "" });
    await read();
    await send(page);
    const summary = page.getByRole("alert");
    await summary.waitFor();
    assert.equal(await focused(page), "errors.notice bad", "the faults have the focus");
    assert.match(await page.title(), /^Error: /);
    assert.equal(await summary.getByRole("link").count(), 2);
    const email = page.getByLabel("E-mail");
    assert.equal(await email.getAttribute("aria-invalid"), "true");
    const description = await email.getAttribute("aria-describedby");
    assert.match(await page.locator(`#${description}`).innerText(), /Enter an e-mail address/);
    assert.equal(await email.inputValue(), "nonsense");
    assert.equal(await page.getByLabel("Message").inputValue(), "Since two weeks.");
    if (scripts) await judge(page, `${name}, the faults`);
    await picture(page, `${name}-faults`);

    await fill(page, form);
    await send(page);
    await page.waitForURL("**/receipt/**");
    // The very moment it arrives.
    const [ticket, ...others] = await form.tickets();
    assert.deepEqual(others, []);
    assert.equal(ticket.queue, form.queue);
    assert.equal(ticket.owner_id, form.owner);
    assert.equal(ticket.priority, "high");
    assert.equal(ticket.status, "open");
    assert.equal(await page.locator("code").innerText(), ticket.id);
    assert.match(await page.locator("dl").innerText(), /In progress/);
    if (scripts) await judge(page, `${name}, the receipt`);
    await picture(page, `${name}-receipt`);

    // The link that can be kept leads here, and tells how it stands.
    await api("POST", `/tickets/${ticket.id}/transitions`, { to: "resolved", resolution_note: "Sent again" });
    await page.goto(await page.getByRole("link", { name: /Your request/ }).evaluate((link) => link.href));
    assert.match(await page.locator("dl").innerText(), /Solved/);
    await leave();
  });
}

test("by keyboard alone", async () => {
  const form = await makeForm();
  const { page, read, leave } = await visit(form.page);
  const { keyboard } = page;
  const type = { name: "Ann Smith", email: "ann@example", topic: "", subject: "", message: "Since two weeks." };
  for (const [field, text] of Object.entries(type)) {
    await keyboard.press("Tab");
    assert.equal(await focused(page), field, "what nobody sees is not on the way");
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineWidth);
    assert.ok(parseFloat(outline) >= 2, `the focus on ${field} is seen: ${outline}`);
    if (text) await keyboard.type(text);
    if (field === "topic") await keyboard.press("ArrowDown");
  }
  await keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Send");
  await read();
  await keyboard.press("Enter");
  await page.getByRole("alert").waitFor();
  assert.equal(await focused(page), "errors.notice bad");

  // The fault leads to its field, and Enter there sends the form.
  await keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Enter a subject");
  await keyboard.press("Enter");
  assert.equal(await focused(page), "subject");
  await keyboard.type("Where is it?");
  await keyboard.press("Enter");
  await page.waitForURL("**/receipt/**");
  assert.equal((await form.tickets()).length, 1);
  await leave();
});

test("everything to press is 24 px high and wide, and long words do not break out", async () => {
  const form = await makeForm({ name: "Donaudampfschifffahrtsgesellschaftskapitänsmützenkontaktformular", locale: "de" });
  const { page, read, leave } = await visit(form.page, phone);
  await fill(page, form, { email: "x", message: "x".repeat(500) });
  await read();
  await send(page);
  await page.getByRole("alert").waitFor();
  await judge(page, "a long name on a phone");
  await picture(page, "phone-long-words");
  const small = await page.evaluate(() =>
    [...document.querySelectorAll("a, button, input:not([type=hidden], [tabindex]), select, textarea")]
      .map((one) => [one.outerHTML, one.getBoundingClientRect()])
      .filter(([, { width, height }]) => width < 24 || height < 24)
      .map(([html, { width, height }]) => `${html}: ${width} × ${height}`),
  );
  assert.deepEqual(small, []);
  await leave();
});

for (const javaScriptEnabled of [true, false]) {
  test(`double click, reload and back make one ticket, ${javaScriptEnabled ? "with" : "without"} JavaScript`, async () => {
    const form = await makeForm();
    const { page, read, leave } = await visit(form.page, { javaScriptEnabled });
    await fill(page, form);
    await read();
    await page.dblclick("button[type=submit]");
    await page.waitForURL("**/receipt/**");
    const receipt = page.url();
    await page.reload();
    assert.equal(page.url(), receipt);

    // Back, and sent again as it stands there.
    await page.goBack();
    await fill(page, form);
    await send(page);
    await page.waitForURL("**/receipt/**");
    assert.equal(page.url(), receipt);
    assert.equal((await form.tickets()).length, 1);

    // Back, and changed: it is told, and can be sent as another one.
    await page.goBack();
    await fill(page, form, { message: "And now it is broken." });
    await send(page);
    await page.getByRole("heading", { name: "Already sent" }).waitFor();
    if (javaScriptEnabled) await judge(page, "already sent");
    await picture(page, `already-sent-${javaScriptEnabled ? "with" : "without"}-scripts`);
    assert.equal(await page.getByRole("link", { name: "To the receipt of what you sent" }).evaluate((link) => link.href), receipt);
    assert.equal((await form.tickets()).length, 1);
    await page.waitForTimeout(2_100);
    await page.getByRole("button", { name: "Send as another request" }).click();
    await page.waitForURL("**/receipt/**");
    assert.notEqual(page.url(), receipt);
    assert.equal((await form.tickets()).length, 2);
    await leave();
  });
}

test("a reload of what was refused sends nothing twice", async () => {
  const form = await makeForm();
  const { page, read, leave } = await visit(form.page);
  await fill(page, form, { email: "nonsense" });
  await read();
  await send(page);
  await page.getByRole("alert").waitFor();
  await page.reload();
  await page.getByRole("alert").waitFor();
  await fill(page, form);
  await send(page);
  await page.waitForURL("**/receipt/**");
  assert.equal((await form.tickets()).length, 1);
  await leave();
});

test("who is too fast is asked to send again, and can", async () => {
  const form = await makeForm();
  const { page, leave } = await visit(form.page);
  await page.evaluate((topic) => {
    for (const field of ["email", "subject", "message"]) document.getElementById(field).value = "ann@example.com";
    document.getElementById("topic").value = topic;
    document.querySelector("form").requestSubmit();
  }, form.topic);
  await page.getByRole("heading", { name: "Not sent yet" }).waitFor();
  assert.equal(await focused(page), "notice");
  assert.equal((await form.tickets()).length, 0);
  await judge(page, "too fast");
  await picture(page, "too-fast");
  await page.waitForTimeout(2_100);
  await send(page);
  await page.waitForURL("**/receipt/**");
  assert.equal((await form.tickets()).length, 1);
  await leave();
});

/** Sends a form within another page, over a fault. */
async function sendWithin(page, frame, form, read) {
  await frame.locator("#message").waitFor();
  await fill(frame, form, { subject: "" });
  await read();
  await send(frame);
  await frame.getByRole("alert").waitFor();
  assert.equal((await form.tickets()).length, 0);
  return async () => {
    await fill(frame, form);
    // By keyboard: the page has to be scrolled to it, and a click that comes before the frame is at its place misses.
    await frame.locator("button[type=submit]").press("Enter");
    await frame.locator("dl").waitFor();
    assert.equal((await form.tickets()).length, 1);
  };
}

const frameOf = (page, form) => page.frames().find((frame) => frame.url().includes(form.id));

test("by script on another site's page, twice and with several forms", async () => {
  const forms = [];
  const shop = await makeShop({
    "/": () => `
      <p>Before</p><script src="${forms[0].script}" async></script><p>After</p>
      <div id="here"></div><script src="${forms[1].script}" data-target="here" async></script>
      <script>before = Object.keys(window)</script>
      <script src="${forms[0].script}"></script>`,
  });
  forms.push(await makeForm({ allowed_origins: [shop.friend] }));
  forms.push(await makeForm({ allowed_origins: [shop.friend], name: "Another form" }));
  const { page, read, leave } = await visit(`${shop.friend}/`);
  await page.waitForFunction(() => document.querySelectorAll("iframe").length === 3);
  assert.equal(await page.locator("#here > iframe").getAttribute("title"), "Another form");
  assert.equal(await page.locator("p:text('Before') + script + iframe + p").count(), 1, "it is where the script stands");
  for (const frame of page.frames().slice(1)) await frame.locator("#message").waitFor();
  const leaked = await page.evaluate(() => Object.keys(window).filter((name) => !window.before.includes(name) && name !== "before"));
  assert.deepEqual(leaked.filter((name) => Number.isNaN(Number(name))), [], "no name of its own is left");
  await judge(page, "the shop");

  // Each is as high as its content, and grows with it.
  const element = page.locator("#here > iframe");
  const height = async () => (await element.boundingBox()).height;
  const content = () => frameOf(page, forms[1]).evaluate(() => document.documentElement.getBoundingClientRect().height);
  const fits = async () => Math.abs((await height()) - (await content())) <= 1;
  const settled = async () => { while (!(await fits())) await page.waitForTimeout(20); };
  await settled();
  const empty = await height();
  const frame = frameOf(page, forms[1]);
  const finish = await sendWithin(page, frame, forms[1], read);
  assert.equal(await focused(frame), "errors.notice bad", "the faults have the focus within another page too");
  await settled();
  assert.ok((await height()) > empty, "the faults have made it higher");
  assert.equal(await frame.evaluate(() => document.documentElement.scrollHeight > innerHeight + 1), false, "nothing is cut off");
  await judge(frame, "the faults within a shop");
  await picture(page, "embedded-faults");
  await finish();
  await settled();
  assert.ok((await height()) < empty, "the receipt has made it lower");
  await picture(page, "embedded-receipt");

  // A message of another origin moves nothing.
  const before = await height();
  await page.evaluate(() => postMessage({ skTicketsForm: "height", height: 5000 }, "*"));
  await page.waitForTimeout(100);
  assert.equal(await height(), before);
  await leave([server, shop.friend]);
  shop.close();
});

for (const javaScriptEnabled of [true, false]) {
  test(`by iframe on another site's page, ${javaScriptEnabled ? "with" : "without"} JavaScript`, async () => {
    let form;
    const shop = await makeShop({ "/": () => `<iframe src="${form.page}" title="Help" width="600" height="900"></iframe>` });
    form = await makeForm({ allowed_origins: [shop.friend] });
    const { page, read, leave } = await visit(`${shop.friend}/`, { javaScriptEnabled });
    const frame = page.frames()[1];
    const finish = await sendWithin(page, frame, form, read);
    await picture(page, `iframe-${javaScriptEnabled ? "with" : "without"}-scripts`);
    await finish();
    await leave([server, shop.friend]);
    shop.close();
  });
}

test("a page that is not on the list cannot frame it, by iframe or script", async () => {
  let form;
  const shop = await makeShop({
    "/iframe": () => `<iframe src="${form.page}" title="Help"></iframe>`,
    "/script": () => `<script src="${form.script}" async></script>`,
  });
  form = await makeForm({ allowed_origins: [shop.friend] });
  for (const [origin, isShown] of [[shop.friend, true], [shop.stranger, false]]) {
    for (const path of ["/iframe", "/script"]) {
      const { page, complaints } = await visit(origin + path);
      await page.locator("iframe").waitFor();
      const frame = await (await page.locator("iframe").elementHandle()).contentFrame();
      if (isShown) {
        await frame.locator("#message").waitFor();
      } else {
        while (!complaints.some((one) => one.includes("frame-ancestors"))) await page.waitForTimeout(20);
        assert.equal(await frame.locator("#message").count(), 0, "nothing of it is there");
      }
      await page.context().close();
    }
  }
  shop.close();
});

test("a page of another site that sends the form itself is refused, and a person can send it from there", async () => {
  let form;
  const shop = await makeShop({
    "/": () => `<form method="post" action="${form.page}"><input name="email" value="ann@example.com">
      <input name="subject" value="Hi"><input name="message" value="Hi"><input name="topic" value="${form.topic}"><button>Win!</button></form>`,
  });
  form = await makeForm({ allowed_origins: [shop.friend] });
  const { page, leave } = await visit(`${shop.stranger}/`);
  await page.click("button");
  await page.getByRole("heading", { name: "Not sent yet" }).waitFor();
  assert.match(await page.getByRole("alert").innerText(), /another website/);
  assert.equal((await form.tickets()).length, 0);
  await page.waitForTimeout(2_100);
  await send(page);
  await page.waitForURL("**/receipt/**");
  assert.equal((await form.tickets()).length, 1);
  await leave([server, shop.stranger]);
});

test("a theme that cannot be read is made so", async () => {
  const theme = { accent: "#ffff00", background: "#fff8e7", text: "#ffefc0", radius: 24, font: "mono" };
  const form = await makeForm({ theme });
  for (const [name, view] of Object.entries({ light: desktop, dark: { ...desktop, colorScheme: "dark" } })) {
    const { page, leave } = await visit(form.page, view);
    await judge(page, `a pale theme, ${name}`);
    await picture(page, `theme-${name}`);
    await leave();
  }
});

test("the demo shows a submission become a ticket and a webhook", async () => {
  for (const [name, view] of Object.entries({ desktop, phone, "desktop-dark": views["desktop-dark"] })) {
    const { page, read, leave } = await visit(`${server}/demo`, view);
    await page.locator("iframe").waitFor();
    const frame = await (await page.locator("iframe").elementHandle()).contentFrame();
    await frame.locator("#message").waitFor();
    await fill(frame, { topic: "damaged" }, { subject: `A broken cup, ${name}` });
    await read();
    await send(frame);
    await frame.locator("dl").waitFor();
    const id = await frame.locator("dl code").innerText();
    const event = page.locator("#events li", { hasText: "ticket.created" }).filter({ hasText: id });
    await event.filter({ hasText: /delivered http:\/\/127\.0\.0\.1:/ }).waitFor();
    const told = await event.innerText();
    for (const fact of ["damaged", "orders", "usr_"]) assert.ok(told.includes(fact), told);
    const ticket = await api("GET", `/tickets/${id}`);
    assert.equal(ticket.queue, "orders");
    assert.match(ticket.owner_id, /^usr_/);
    await judge(page, `the demo, ${name}`);
    await picture(page, `demo-${name}`);
    await leave();
  }
});
