// Niceties: the page is complete without them.
(() => {
  // As it is written where the reader is, in the language of the page.
  const { lang } = document.documentElement;
  const locale = navigator.languages.find((known) => known.split("-")[0] === lang) ?? lang;
  for (const time of document.querySelectorAll("time")) {
    time.textContent = new Date(time.dateTime).toLocaleString(locale, { dateStyle: "long", timeStyle: "short" });
  }

  if (parent === window) return;
  // Within another site's page the attribute alone gives no focus.
  document.querySelector("[autofocus]")?.focus();

  // To the page that embeds this one, if it is one of those that may, and asks: how high the content is.
  const embedders = [location.origin, ...document.body.dataset.embedders.split(" ")];
  let asker;
  const tell = () => {
    const height = Math.ceil(document.documentElement.getBoundingClientRect().height);
    if (asker) parent.postMessage({ skTicketsForm: "height", height }, asker);
  };
  addEventListener("message", (event) => {
    if (event.source !== parent || !embedders.includes(event.origin)) return;
    if (event.data?.skTicketsForm !== "hello") return;
    asker = event.origin;
    tell();
  });
  new ResizeObserver(tell).observe(document.documentElement);
})();
