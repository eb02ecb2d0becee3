"""The page that Codabench shows beside the scores: one HTML file without anything outside it."""

import html
import re

import numpy as np

WORST = 10

STYLE = """
:root { --ink: #1b2430; --muted: #5b6675; --rule: #d9dfe6; --soft: #f4f6f9; --blue: #1f5fa8; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; color: var(--ink);
  background: #fff; max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
section + section { margin-top: 3.5rem; border-top: 2px solid var(--rule); padding-top: 2rem; }
h1 { font-size: 1rem; font-weight: 600; color: var(--muted); margin: 0; }
h2 { font-size: 1.15rem; margin: 2rem 0 .25rem; }
p { margin: .25rem 0; max-width: 70ch; } .note { color: var(--muted); }
.big { font-size: 2.6rem; font-weight: 650; line-height: 1.2; margin: 0; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; margin-top: .5rem; }
table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .7rem; border-bottom: 1px solid var(--rule); text-align: right; white-space: nowrap; }
th { font-weight: 500; } thead th { color: var(--muted); font-weight: 600; border-bottom: 2px solid var(--rule); }
.name { text-align: left; white-space: normal; min-width: 7.5rem; max-width: 18rem; }
.bar { background: linear-gradient(to right, #cfe3f5 var(--share), transparent var(--share)) no-repeat;
  min-width: 7rem; }
.confusion td { min-width: 2.9rem; padding: .35rem .45rem; border: 1px solid #fff; text-align: center; }
.confusion thead th { text-align: center; padding: .35rem .2rem; }
.confusion .name { position: sticky; left: 0; background: #fff; text-align: left; padding-left: 0; }
.confusion .zero { color: #68727f; }
thead button { all: unset; cursor: pointer; }
thead button:focus-visible, .wide:focus-visible { outline: 2px solid var(--blue); }
thead button::after { content: "\\2195"; opacity: .45; margin-left: .25rem; }
[aria-sort="ascending"] button::after { content: "\\2191"; opacity: 1; }
[aria-sort="descending"] button::after { content: "\\2193"; opacity: 1; }
@media (max-width: 600px) { th, td { padding: .35rem .3rem; } .name { min-width: 5rem; } .bar { min-width: 2.2rem; }
  thead button { text-decoration: underline dotted; }
  th:not([aria-sort]) button::after { content: none; } }
"""

# Also the report's. Without scripts the tables are as readable, only not sortable.
SORT_SCRIPT = """
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
      const order = numeric
        ? (a, b) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0)
        : (a, b) => key(a).localeCompare(key(b));
      rows.sort((a, b) => (up ? order(a, b) : order(b, a)));
      body.append(...rows);
    });
  });
}
"""

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Accuracy {accuracy:.4f}</title><link rel="icon" href="data:,"><style>{style}</style></head><body>
{sections}
<script>{script}</script>
</body></html>
"""

SECTION = """<section>
<h1>Accuracy{on}</h1><p class="big">{accuracy:.4f}</p>
<p>{correct} of {images} images right, balanced accuracy {balanced:.4f}, {seconds:.1f} s to predict.</p>
<h2>By class</h2>
<p class="note">Recall: the share of a class's images that were found. Precision: the share of right ones among its
predictions. F1: their harmonic mean.</p>
<div class="wide" tabindex="0" role="region" aria-label="By class{on}"><table class="sortable" id="classes{suffix}">
<thead><tr><th scope="col" class="name">Class</th><th scope="col">Images</th><th scope="col">Recall</th>
<th scope="col">Precision</th><th scope="col">F1</th></tr></thead>
<tbody>
{classes}
</tbody></table></div>
<h2>Most frequent mistakes</h2>
<p class="note">Share: of the images of the true class.</p>
{mistakes}
<h2>Confusion</h2>
<p class="note">A row for each true class, a column for each predicted one, by their numbers. Darker: a larger share of
the row.</p>
<div class="wide" tabindex="0" role="region" aria-label="Confusion{on}">
<table class="confusion sortable" id="confusion{suffix}">
<thead><tr><th scope="col" class="name">True class</th>{heads}</tr></thead>
<tbody>
{confusion}
</tbody></table></div>
</section>"""

MISTAKES = """<div class="wide" tabindex="0" role="region" aria-label="Most frequent mistakes{on}">
<table class="sortable" id="mistakes{suffix}"><thead><tr><th scope="col" class="name">True class</th>
<th scope="col" class="name">Taken for</th><th scope="col">Images</th><th scope="col">Share</th></tr></thead>
<tbody>
{rows}
</tbody></table></div>"""


def _name(k, class_names):
    """Escaped; words that no phone has room for may break at a soft hyphen."""
    text = re.sub(r"\S{16,}", lambda word: "\u00ad".join(re.findall(r".{1,10}", word[0])), str(class_names[k]))
    return f"{k} {html.escape(text)}"


def _share_cell(part, whole):
    if not whole:
        return '<td class="bar" data-sort="-" style="--share:0%">&ndash;</td>'
    share = part / whole
    return f'<td class="bar" data-sort="{share:.6f}" style="--share:{100 * share:.1f}%">{share:.3f}</td>'


def _class_rows(counts, class_names):
    totals, guesses = counts.sum(axis=1), counts.sum(axis=0)
    return "\n".join(
        f'<tr><th scope="row" class="name" data-sort="{k}">{_name(k, class_names)}</th><td>{totals[k]}</td>'
        f"{_share_cell(counts[k, k], totals[k])}{_share_cell(counts[k, k], guesses[k])}"
        f"{_share_cell(2 * counts[k, k], totals[k] + guesses[k])}</tr>"
        for k in range(len(class_names))
    )


def _mistakes(counts, class_names, on, suffix):
    wrong = counts - np.diag(np.diag(counts))
    pairs = [divmod(int(n), len(class_names)) for n in np.argsort(-wrong, axis=None, kind="stable")[:WORST]]
    rows = [
        f'<tr><th scope="row" class="name" data-sort="{k}">{_name(k, class_names)}</th>'
        f'<td class="name" data-sort="{j}">{_name(j, class_names)}</td><td>{wrong[k, j]}</td>'
        f"{_share_cell(wrong[k, j], counts[k].sum())}</tr>"
        for k, j in pairs
        if wrong[k, j]
    ]
    return MISTAKES.format(rows="\n".join(rows), on=on, suffix=suffix) if rows else "<p>None.</p>"


def _confusion_rows(counts, class_names):
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    rows = []
    for k in range(len(class_names)):
        cells = []
        for j in range(len(class_names)):
            if not counts[k, j]:
                cells.append('<td class="zero">0</td>')
                continue
            hue = 210 if j == k else 28  # right in blue, wrong in orange: told apart by the colour-blind, too
            cells.append(f'<td style="background:hsl({hue},65%,{95 - 35 * shares[k, j]:.0f}%)">{counts[k, j]}</td>')
        name = f'<th scope="row" class="name" data-sort="{k}">{_name(k, class_names)}</th>'
        rows.append("<tr>{}{}</tr>".format(name, "".join(cells)))
    return "\n".join(rows)


def _section(suite, scores, counts, class_names):
    on = f" on {html.escape(suite)}" if suite else ""
    suffix = f"-{html.escape(suite)}" if suite else ""
    return SECTION.format(
        on=on,
        suffix=suffix,
        accuracy=scores["accuracy"],
        balanced=scores["balanced_accuracy"],
        seconds=scores["prediction_seconds"],
        correct=int(np.trace(counts)),
        images=int(counts.sum()),
        classes=_class_rows(counts, class_names),
        mistakes=_mistakes(counts, class_names, on, suffix),
        heads="".join(f'<th scope="col">{k}</th>' for k in range(len(class_names))),
        confusion=_confusion_rows(counts, class_names),
    )


def results_page(results):
    """The page as one string.

    Args:
        results: {suite: (scores, counts, class_names)}, a section each; the suite "" has no name. scores: accuracy,
            balanced_accuracy, prediction_seconds; counts: int64 (K, K), row the true class, column the predicted one;
            class_names: K strings. Names are escaped.
    """
    first_scores, _, _ = next(iter(results.values()))
    return PAGE.format(
        style=STYLE,
        script=SORT_SCRIPT,
        accuracy=first_scores["accuracy"],
        sections="\n".join(_section(suite, *result) for suite, result in results.items()),
    )
