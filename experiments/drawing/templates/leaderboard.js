// sorts a table by a click on a heading, and filters its rows; without it the table is whole and in order
for (const table of document.querySelectorAll("table[data-sortable]")) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  const value = (row, column) => {
    const text = row.cells[column].firstChild.textContent.trim(), number = parseFloat(text.replace("\u2212", "-"));
    return Number.isNaN(number) ? text : number;
  };
  const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const first = head.dataset.first ?? "descending";
      const order = before === null ? first : before === "ascending" ? "descending" : "ascending";
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      body.append(...[...body.rows].sort((a, b) => sign * compare(value(a, column), value(b, column))));
    });
  });
}
for (const form of document.querySelectorAll("form[data-filters]")) {
  const rows = [...document.getElementById(form.dataset.filters).tBodies[0].rows];
  const said = form.querySelector("output");
  form.hidden = false;
  form.addEventListener("submit", event => event.preventDefault());
  form.addEventListener("change", () => {
    const {classifier, block} = Object.fromEntries(new FormData(form));
    for (const row of rows)
      row.hidden = Boolean(classifier && row.dataset.classifier !== classifier
        || block && !row.dataset.blocks.split(" ").includes(block));
    said.textContent = `${rows.filter(row => !row.hidden).length} of ${rows.length} models`;
  });
}
