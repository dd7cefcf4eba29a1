"use strict";
// Text reaches the page through textContent and attributes only, never as markup.
(() => {
  const form = document.getElementById("filter");
  if (!form) return;
  const prompts = JSON.parse(document.getElementById("prompts").textContent);
  const all = [...document.querySelectorAll("#transcripts > details")];
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

  const fill = (item) => {
    for (const pre of item.querySelectorAll("pre[data-turn]")) pre.textContent = prompts[pre.dataset.turn];
  };
  const show = () => {
    const wanted = Object.fromEntries(new FormData(form));
    const text = wanted.text.trim().toLowerCase();
    let found = 0;
    for (const item of all) {
      const fits = ["task", "strategy", "outcome"].every((key) => !wanted[key] || item.dataset[key] === wanted[key])
        && (!text || textOf(item).includes(text) || promptHas(item, text));
      item.hidden = !fits || (++found > limit && !item.open);
    }
    count.textContent = `${found.toLocaleString("en")} of ${all.length.toLocaleString("en")}`;
    none.hidden = found > 0;
    more.hidden = found <= limit;
  };
  let waiting;
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { limit = PAGE; show(); }, 120);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  more.addEventListener("click", () => { limit += PAGE; show(); });
  for (const item of all) item.addEventListener("toggle", () => { if (item.open) fill(item); });

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
