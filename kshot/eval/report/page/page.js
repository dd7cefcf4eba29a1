"use strict";
// Text reaches the page through textContent and attributes only, never as markup.
(() => {
  for (const select of document.querySelectorAll("select[data-alternatives]")) {
    const views = [...select.closest("section").querySelectorAll(".alternative")];
    const choose = () => views.forEach((view, at) => { view.hidden = at !== select.selectedIndex; });
    select.addEventListener("change", choose);
    choose();
  }
  // A page from a server tells how far its run is, and asks for itself anew when the run has ended.
  const live = document.getElementById("live");
  if (live?.dataset.live) {
    const timer = setInterval(async () => {
      try {
        const state = await (await fetch(live.dataset.live)).json();
        live.textContent = state.said;
        if (!state.running) { clearInterval(timer); live.textContent += " Load the page again for its report."; }
      } catch { clearInterval(timer); live.textContent += " (kshot view has stopped)"; }
    }, 2000);
  }
  const form = document.getElementById("filter");
  if (!form) return;
  const served = "served" in form.dataset; // then the server filters, and the page holds one piece
  const prompts = JSON.parse(document.getElementById("prompts").textContent);
  const held = [...document.querySelectorAll("#transcripts > details")];
  const all = held.filter((item) => !("beside" in item.dataset));
  const [count, none, more] = ["count", "none", "more"].map((id) => document.getElementById(id));
  const PAGE = 100;
  let limit = PAGE;

  // The text to search is gathered once, at the first search: prompts, completions, question, answer.
  const texts = new Map();
  const lowered = [];
  const textOf = (item) => {
    if (!texts.has(item)) texts.set(item, [item.dataset.search,
      ...[...item.querySelectorAll("pre.completion")].map((pre) => pre.textContent.toLowerCase())].join("\n"));
    return texts.get(item);
  };
  const promptHas = (item, wanted) => [...item.querySelectorAll("pre[data-turn]")].some((pre) => {
    const turn = pre.dataset.turn;
    return (lowered[turn] ??= prompts[turn].toLowerCase()).includes(wanted);
  });

  // The same sample as another strategy answered it.
  const keyOf = (item, strategy) => JSON.stringify([item.dataset.task, item.dataset.sample, item.dataset.repeat, strategy]);
  const byKey = new Map(held.map((item) => [keyOf(item, item.dataset.strategy), item]));
  const counterpart = (item) => {
    const other = form.elements.other.value;
    return other && other !== item.dataset.strategy ? byKey.get(keyOf(item, other)) : undefined;
  };
  const stands = (item, versus) => {
    const other = counterpart(item);
    if (!other) return false;
    const [mine, its] = [item, other].map((one) => one.dataset.outcome === "right");
    return { won: mine && !its, lost: its && !mine, both: mine && its, neither: !mine && !its }[versus];
  };

  const fill = (item) => {
    const sides = item.querySelector(".sides");
    sides.querySelector(".other")?.remove();
    const other = counterpart(item);
    if (other) {
      const side = other.querySelector(".side").cloneNode(true);
      side.classList.add("other");
      const name = document.createElement("h3");
      name.textContent = `${other.dataset.strategy}: ${other.dataset.outcome}`;
      side.prepend(name);
      sides.append(side);
    }
    for (const pre of sides.querySelectorAll("pre[data-turn]")) pre.textContent = prompts[pre.dataset.turn];
  };
  const show = () => {
    const wanted = Object.fromEntries(new FormData(form));
    const text = wanted.text.trim().toLowerCase();
    form.elements.versus.disabled = !wanted.other;
    if (served) return;
    let found = 0;
    for (const item of all) {
      const fits = ["task", "strategy", "outcome"].every((key) => !wanted[key] || item.dataset[key] === wanted[key])
        && (!wanted.other || item.dataset.strategy !== wanted.other)
        && (!wanted.other || !wanted.versus || stands(item, wanted.versus))
        && (!text || textOf(item).includes(text) || promptHas(item, text));
      item.hidden = !fits || (++found > limit && !item.open);
      if (item.open) fill(item);
    }
    count.textContent = `${found.toLocaleString("en")} of ${all.length.toLocaleString("en")}`;
    none.hidden = found > 0;
    more.hidden = found <= limit;
  };
  let waiting;
  form.addEventListener("input", (event) => {
    if (served) {
      if (event.target.tagName === "SELECT") form.requestSubmit();
      return;
    }
    clearTimeout(waiting);
    waiting = setTimeout(() => { limit = PAGE; show(); }, 120);
  });
  form.addEventListener("submit", (event) => { if (!served) event.preventDefault(); });
  more.addEventListener("click", () => { limit += PAGE; show(); });
  for (const item of all) item.addEventListener("toggle", () => { if (item.open) fill(item); });

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "Escape" && (typing || event.target === document.body)) {
      if (served) { location.assign(`${location.pathname}#filter`); return; }
      form.reset();
      limit = PAGE;
      show();
      document.activeElement.blur();
    } else if (typing) {
      return;
    } else if (event.key === "/") {
      event.preventDefault();
      form.elements.text.focus();
    } else if (event.key === "j" || event.key === "k") {
      const visible = all.filter((item) => !item.hidden);
      const at = visible.indexOf(event.target.closest("details"));
      const next = visible[event.key === "j" ? at + 1 : Math.max(at - 1, 0)];
      next?.querySelector("summary").focus();
      next?.scrollIntoView({ block: "nearest" });
    }
  });

  const follow = () => {
    const item = all.find((candidate) => `#${candidate.id}` === location.hash);
    if (!item) return;
    fill(item);
    item.open = true;
    item.hidden = false;
    item.scrollIntoView();
  };
  addEventListener("hashchange", follow);
  addEventListener("beforeprint", () => all.filter((item) => item.open).forEach(fill));
  show();
  follow();
})();
