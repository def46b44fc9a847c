// Niceties: the page is complete without them.
(() => {
  // Examples can be copied.
  for (const block of document.querySelectorAll("pre")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(block.querySelector("code").textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    if (navigator.clipboard) block.append(button);
  }

  const contents = document.getElementById("contents");
  if (!contents) return;
  // On a narrow screen the contents are folded, and fold again after a choice.
  const narrow = matchMedia("(max-width: 60rem)");
  const fold = () => { contents.open = !narrow.matches; };
  narrow.addEventListener("change", fold);
  contents.addEventListener("click", (event) => { if (event.target.closest("a")) fold(); });
  fold();

  // The contents can be narrowed down.
  document.getElementById("filter").hidden = false;
  document.getElementById("filter-text").addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    for (const item of contents.querySelectorAll("li")) {
      item.hidden = !item.textContent.toLowerCase().includes(wanted);
    }
  });
})();
