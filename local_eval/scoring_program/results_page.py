"""The page that Codabench shows beside the scores: one HTML file without anything outside it."""

import html

import numpy as np

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; } th, td { padding: .25rem .6rem; border: 1px solid #ddd; text-align: right; }
th { background: #f5f5f5; font-weight: 600; } th:first-child { text-align: left; }
.big { font-size: 2rem; font-weight: 600; } .wide { overflow-x: auto; }
"""


def _class_rows(counts, class_names):
    totals, guesses = counts.sum(axis=1), counts.sum(axis=0)
    rows = []
    for k, name in enumerate(class_names):
        recall = f"{counts[k, k] / totals[k]:.3f}" if totals[k] else "&ndash;"
        precision = f"{counts[k, k] / guesses[k]:.3f}" if guesses[k] else "&ndash;"
        rows.append(
            f"<tr><th>{k} {html.escape(str(name))}</th><td>{totals[k]}</td><td>{recall}</td><td>{precision}</td></tr>"
        )
    return "\n".join(rows)


def _confusion_rows(counts, class_names):
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    rows = []
    for k, name in enumerate(class_names):
        cells = []
        for j in range(len(class_names)):
            hue = 140 if j == k else 10  # right in green, wrong in red, darker where more frequent
            cells.append(f'<td style="background:hsl({hue},70%,{100 - 45 * shares[k, j]:.0f}%)">{counts[k, j]}</td>')
        rows.append("<tr><th>{} {}</th>{}</tr>".format(k, html.escape(str(name)), "".join(cells)))
    return "\n".join(rows)


def _section(suite, scores, counts, class_names):
    heads = "".join(f"<th>{k}</th>" for k in range(len(class_names)))
    return """<h1>Accuracy{suite}</h1><p class="big">{accuracy:.4f}</p>
<p>{images} images, balanced accuracy {balanced:.4f}, {seconds:.1f} s to predict.</p>
<h2>By class</h2>
<table><tr><th>Class</th><th>Images</th><th>Recall</th><th>Precision</th></tr>
{classes}
</table>
<h2>Confusion</h2><p>Rows: true class. Columns: predicted class.</p>
<div class="wide"><table><tr><th></th>{heads}</tr>
{confusion}
</table></div>""".format(
        suite=f" on {html.escape(suite)}" if suite else "",
        accuracy=scores["accuracy"],
        balanced=scores["balanced_accuracy"],
        seconds=scores["prediction_seconds"],
        images=int(counts.sum()),
        classes=_class_rows(counts, class_names),
        heads=heads,
        confusion=_confusion_rows(counts, class_names),
    )


def results_page(results):
    """The page as one string.

    Args:
        results: {suite: (scores, counts, class_names)}, a section each; the suite "" has no name. scores: accuracy,
            balanced_accuracy, prediction_seconds; counts: int64 (K, K), row the true class, column the predicted one;
            class_names: K strings. Names are escaped.
    """
    return """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Results</title><style>{style}</style></head><body>
{sections}
</body></html>
""".format(style=STYLE, sections="\n".join(_section(suite, *result) for suite, result in results.items()))
