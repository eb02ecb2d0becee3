// What a reader of a page would complain about, as a list of sentences; run after the page has loaded.
(async () => {
  const complaints = [];
  const say = (...words) => complaints.push(words.join(" "));
  const name = (node) => `${node.localName}${node.id ? "#" + node.id : ""} "${node.textContent.trim().slice(0, 30)}"`;
  const root = document.documentElement;

  // Nothing is wider than the window.
  if (root.scrollWidth > root.clientWidth) {
    say("the page is", root.scrollWidth, "wide in a window of", root.clientWidth);
    for (const node of document.body.querySelectorAll("*"))
      if (node.getBoundingClientRect().right > root.clientWidth + 1 && !node.parentElement.closest(".scroll, .wide, pre, nav"))
        say("too wide:", name(node));
  }

  // Pictures load.
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
  for (const image of document.images) {
    if (!image.naturalWidth) say("not a picture:", image.alt);
    // Drawn figures hold text of 13 pixels.
    const shown = image.width / image.naturalWidth;
    if (image.src.startsWith("data:image/svg") && shown < 0.9) say("shrunk to", shown.toFixed(2), image.alt.slice(0, 40));
  }

  // Text is at least 12 pixels high and stands out from its ground (4.5 to 1, WCAG AA).
  const colour = (text) => text.match(/[\d.]+/g).map(Number);
  const ground = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) {
      const [r, g, b, a = 1] = colour(getComputedStyle(at).backgroundColor);
      layers.push([r, g, b, a]);
      if (a === 1) break;
    }
    return layers.reverse().reduce((under, [r, g, b, a]) => [r, g, b].map((c, n) => c * a + under[n] * (1 - a)), [255, 255, 255]);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((c) => ((c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (texts.nextNode()) {
    const node = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || ["SCRIPT", "STYLE"].includes(node.tagName) || !node.checkVisibility()) continue;
    seen += 1;
    const style = getComputedStyle(node);
    if (parseFloat(style.fontSize) < 12) say(style.fontSize, "text:", name(node));
    const pair = [light(colour(style.color).slice(0, 3)), light(ground(node))].sort((a, b) => b - a);
    const contrast = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (contrast < 4.5) say("contrast", contrast.toFixed(1), "of", name(node));
  }
  if (seen < 10) say("only", seen, "pieces of text");

  // Every column of every sortable table sorts up, then down, and says so.
  const sortable = document.querySelectorAll("table.sortable");
  if (!sortable.length) say("no sortable table");
  for (const table of sortable)
    [...table.tHead.rows[0].cells].forEach((header, column) => {
      const button = header.querySelector("button");
      if (!button) return say("no button in", name(header));
      const rows = table.tBodies[0].rows, before = rows.length;
      for (const [direction, sign] of [["ascending", 1], ["descending", -1]]) {
        button.click();
        const keys = [...rows].map((row) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim());
        const numeric = keys.every((key) => key === "-" || (key !== "" && !isNaN(key)));
        const values = keys.map((key) => (!numeric ? key : key === "-" ? -Infinity : Number(key)));
        const compare = numeric ? (a, b) => a - b || 0 : (a, b) => a.localeCompare(b);
        if (!values.every((value, n) => n === 0 || sign * compare(values[n - 1], value) <= 0)) say("not sorted:", name(header), keys);
        if (header.getAttribute("aria-sort") !== direction) say("not marked", direction, name(header));
        if (rows.length !== before) say("rows lost in", name(header));
      }
    });
  return complaints;
})()
