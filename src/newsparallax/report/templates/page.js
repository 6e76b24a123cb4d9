"use strict";
(() => {
  const spans = JSON.parse(document.getElementById("spans").textContent);
  const panel = document.getElementById("panel"), body = document.getElementById("panel-body");
  let last = null;
  const add = (to, tag, text) => { const made = document.createElement(tag); made.textContent = text; to.append(made); return made; };
  const each = (id, call) => document.querySelectorAll(".m").forEach((part) => { if (part.dataset.s === id) call(part); });
  const close = () => {
    if (last) { each(last, (part) => part.classList.remove("on")); document.getElementById(last).focus({preventScroll: true}); }
    panel.hidden = true; last = null;
  };
  const open = (id, focus) => {
    const span = spans[id];
    if (!span) return;
    if (last) each(last, (part) => part.classList.remove("on"));
    last = id;
    each(id, (part) => part.classList.add("on"));
    body.replaceChildren();
    add(body, "h2", span.layer + ": " + span.label);
    if (span.quote !== null) add(body, "blockquote", span.quote).dir = "auto";
    const list = add(body, "dl", "");
    for (const [key, value, links] of span.values) {
      add(list, "dt", key);
      const said = add(list, "dd", links.length ? "" : value);
      said.dir = "auto";
      value.split("\n").forEach((words, number) => {
        if (!links.length) return;
        const link = add(said, "a", words);
        link.href = "#" + links[number];
        add(said, "br", "");
      });
    }
    const link = add(body, "a", "Link to this span");
    link.href = "#" + id;
    panel.hidden = false;
    if (focus) document.getElementById("close").focus();
  };
  const go = () => {
    const id = decodeURIComponent(location.hash.slice(1)), target = document.getElementById(id);
    if (spans[id] && target) { open(id, false); target.nextElementSibling.scrollIntoView({block: "center"}); }
  };
  document.addEventListener("click", (event) => {
    const handle = event.target.closest(".h"), mark = event.target.closest(".m");
    if (handle) open(handle.id, true);
    else if (mark && !mark.classList.contains("off")) open(mark.dataset.s, false);
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !panel.hidden) close(); });
  document.getElementById("close").addEventListener("click", close);
  document.querySelectorAll(".layer").forEach((box) => box.addEventListener("change", () => {
    document.querySelectorAll(".m").forEach((part) => { if (part.dataset.l === box.value) part.classList.toggle("off", !box.checked); });
  }));
  const search = document.getElementById("search");
  if (search) search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/);
    let shown = 0;
    document.querySelectorAll("#index tbody tr").forEach((row) => {
      row.hidden = !words.every((word) => row.dataset.w.includes(word));
      shown += !row.hidden;
    });
    document.getElementById("found").textContent = shown + " events";
  });
  window.addEventListener("hashchange", go);
  go();
})();
