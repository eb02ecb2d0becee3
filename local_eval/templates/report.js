// Tables of class "sortable": a button in each header sorts by its column, first up, then down.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    const key = (row) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();
    button.addEventListener("click", () => {
      const up = header.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", up ? "ascending" : "descending");
      const rows = [...body.rows];
      const numeric = rows.every((row) => key(row) === "-" || (key(row) !== "" && !isNaN(key(row))));
      const value = (row) => (key(row) === "-" ? -Infinity : Number(key(row)));
      const order = numeric ? (a, b) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0) : (a, b) => key(a).localeCompare(key(b));
      rows.sort((a, b) => (up ? order(a, b) : order(b, a)));
      body.append(...rows);
    });
  });
}
