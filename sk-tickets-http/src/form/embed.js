// Puts a form where the script stands, or into the element that its data-target names by id.
((title) => {
  const script = document.currentScript;
  if (!script) return console.error("The form's script has to be a classic one, without type=module.");
  const page = new URL("page", script.src);
  const frame = document.createElement("iframe");
  frame.src = page.href;
  frame.title = title;
  Object.assign(frame.style, { display: "block", width: "100%", height: "46rem", border: "0" });

  // As high as its content: it is asked after each of its pages, and tells when that changes.
  let pages = 0;
  frame.addEventListener("load", () => {
    frame.contentWindow.postMessage({ skTicketsForm: "hello" }, page.origin);
    if (pages++) frame.scrollIntoView({ block: "nearest" });
  });
  addEventListener("message", ({ source, origin, data }) => {
    if (source !== frame.contentWindow || origin !== page.origin) return;
    if (data?.skTicketsForm !== "height" || !Number.isFinite(data.height)) return;
    frame.style.height = `${Math.min(Math.max(data.height, 0), 20000)}px`;
  });

  const target = script.dataset.target;
  const put = () => {
    const place = target && document.getElementById(target);
    if (place) place.append(frame);
    else if (!target && document.body?.contains(script)) script.after(frame);
    else console.error(`There is no place for the form${target ? `: no element has the id ${target}` : " in the head"}.`);
  };
  if (target && document.readyState === "loading") document.addEventListener("DOMContentLoaded", put, { once: true });
  else put();
})
