"use strict";
(() => {
  const spans = JSON.parse(document.getElementById("spans").textContent);
  const panel = document.getElementById("panel"), body = document.getElementById("panel-body");
  let last = null;
  const add = (to, tag, text) => { const made = document.createElement(tag); made.textContent = text; to.append(made); return made; };
  const parts = (id) => [...document.querySelectorAll(".m")].filter((part) => part.dataset.s === id).concat(document.getElementById(id));
  const light = (id, on) => parts(id).forEach((part) => part.classList.toggle("on", on));
  const close = () => {
    if (last) { light(last, false); document.getElementById(last).focus({preventScroll: true}); }
    panel.hidden = true; last = null;
  };
  const open = (id, focus) => {
    const span = spans[id];
    if (!span) return;
    if (last) light(last, false);
    last = id;
    light(id, true);
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
    if (spans[id] && target) { open(id, false); parts(id)[0].scrollIntoView({block: "center"}); }
  };
  document.addEventListener("click", (event) => {
    const handle = event.target.closest(".h"), mark = event.target.closest(".m");
    if (handle) open(handle.id, true);
    else if (mark && !mark.classList.contains("off")) open(mark.dataset.s, false);
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !panel.hidden) close(); });
  document.getElementById("close").addEventListener("click", close);
  document.querySelectorAll(".layer").forEach((box) => box.addEventListener("change", () => {
    document.querySelectorAll("[data-l]").forEach((part) => { if (part.dataset.l === box.value) part.classList.toggle("off", !box.checked); });
  }));
  const closed = [];
  addEventListener("beforeprint", () => document.querySelectorAll("details:not([open])").forEach((each) => { each.open = true; closed.push(each); }));
  addEventListener("afterprint", () => closed.splice(0).forEach((each) => { each.open = false; }));
  const search = document.getElementById("search");
  if (search) {
    const data = document.getElementById("entries"), most = Number(data.dataset.shown), rows = document.querySelector("#index tbody");
    let entries = null;
    search.addEventListener("input", () => {
      entries ??= JSON.parse(data.textContent);
      const words = search.value.toLowerCase().split(/\s+/);
      const found = entries.filter((entry) => words.every((word) => entry[entry.length - 1].includes(word)));
      rows.replaceChildren(...found.slice(0, most).map(([href, id, ...cells]) => {
        const row = document.createElement("tr"), link = add(add(row, "td", ""), "a", id);
        link.href = href;
        cells.slice(0, -1).forEach((cell) => { add(row, "td", cell).className = typeof cell === "number" ? "n" : ""; });
        return row;
      }));
      document.getElementById("found").textContent = found.length.toLocaleString("en") + (found.length == 1 ? " event" : " events") + (found.length > most ? "; the first " + most + " are shown" : "");
    });
  }
  window.addEventListener("hashchange", go);
  go();
})();
