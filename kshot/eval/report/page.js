"use strict";
(() => {
  const rows = [...document.querySelectorAll("#transcripts > details")];
  const fields = ["task", "strategy", "outcome"].map((name) => document.getElementById(name));
  const words = document.getElementById("words");
  const count = document.getElementById("count");
  const apply = () => {
    const text = words.value.toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const fits = fields.every((field) => !field.value || row.dataset[field.id] === field.value);
      row.hidden = !(fits && (!text || row.textContent.toLowerCase().includes(text)));
      shown += row.hidden ? 0 : 1;
    }
    count.textContent = `${shown} of ${rows.length}`;
  };
  for (const field of [...fields, words]) field.addEventListener("input", apply);
  const linked = location.hash && document.getElementById(location.hash.slice(1));
  if (linked) { linked.open = true; linked.scrollIntoView(); }
  for (const row of rows) row.addEventListener("toggle", () => { if (row.open) history.replaceState(null, "", `#${row.id}`); });
  apply();
})();
