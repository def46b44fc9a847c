// Niceties: the page is complete without them.
(() => {
  // Where a page within another site's is not given the focus by the attribute.
  const first = document.querySelector("[autofocus]");
  if (first && document.activeElement !== first) first.focus();

  for (const time of document.querySelectorAll("time")) {
    const format = { dateStyle: "long", timeStyle: "short" };
    time.textContent = new Date(time.dateTime).toLocaleString(document.documentElement.lang, format);
  }

  // To the page that embeds this one, if it is one of those that may, and asks: how high the content is.
  if (parent === window) return;
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
