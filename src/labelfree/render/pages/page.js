"use strict";
for (const table of document.querySelectorAll("table.sorts")) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  if (body.rows.length < 2) continue;
  heads.forEach((head, at) => {
    if (!head.textContent) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "\u2195";
    button.setAttribute("aria-label", "sort by " + head.textContent);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of heads) {
        other.removeAttribute("aria-sort");
        if (other.lastChild.tagName === "BUTTON") other.lastChild.textContent = "\u2195";
      }
      head.setAttribute("aria-sort", up > 0 ? "ascending" : "descending");
      button.textContent = up > 0 ? "\u2191" : "\u2193";
      const numbers = [...body.rows].some((row) => row.cells[at].dataset.sort !== undefined);
      const key = (row) => (numbers ? parseFloat(row.cells[at].dataset.sort) : row.cells[at].textContent);
      const rows = [...body.rows].sort((a, b) => {
        const x = key(a), y = key(b);
        if (!numbers) return up * x.localeCompare(y, "en", { numeric: true });
        return isNaN(x) ? (isNaN(y) ? 0 : 1) : isNaN(y) ? -1 : up * (x - y);
      });
      body.append(...rows);
    });
  });
}
const open = () => {
  const part = location.hash && document.getElementById(location.hash.slice(1));
  const folded = part && part.closest("details");
  if (folded) {
    folded.open = true;
    folded.scrollIntoView();
  }
};
addEventListener("hashchange", open);
document.addEventListener("click", (event) => {
  const link = event.target.closest("a.word");
  if (link && link.hash === location.hash) open();
});
open();
const theme = document.getElementById("theme");
const dark = () => (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme:dark)").matches ? "dark" : "light")) === "dark";
const say = () => (theme.textContent = dark() ? "light" : "dark");
theme.hidden = false;
say();
theme.addEventListener("click", () => {
  document.documentElement.dataset.theme = dark() ? "light" : "dark";
  say();
});
