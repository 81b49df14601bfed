() => {
  const found = [];
  const root = document.documentElement;
  if (root.scrollWidth > window.innerWidth + 1) {
    const widest = [...document.body.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > window.innerWidth + 1);
    found.push(`scrolls sideways: ${root.scrollWidth} px of ${window.innerWidth}; ${widest.slice(0, 2).map(e => e.tagName + "." + e.getAttribute("class")).join(", ")}`);
  }
  const shown = element => element.checkVisibility({opacityProperty: true, visibilityProperty: true});
  const short = text => JSON.stringify(text.trim().replace(/\s+/g, " ").slice(0, 40));
  // a box of 1 px is for screen readers alone
  const for_readers = element => { const box = element.getBoundingClientRect(); return box.width <= 2 || box.height <= 2; };
  const cut_by = (element, axis) => /hidden|clip/.test(getComputedStyle(element)["overflow" + axis]);
  const scrolls = element => /auto|scroll/.test(getComputedStyle(element).overflowX + getComputedStyle(element).overflowY);
  const boxes = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!node.data.trim() || !shown(parent) || /^(script|style|title|desc|option|noscript|template)$/i.test(parent.tagName)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const full of range.getClientRects()) {
      let box = {left: full.left, right: full.right, top: full.top, bottom: full.bottom}, hidden = false, scrolled = false;
      for (let e = parent; e && e !== document.body && e !== root; e = e.parentElement) {
        const svg = e instanceof SVGSVGElement;
        if (e instanceof SVGElement && !svg) continue;
        if (for_readers(e) && !svg) { hidden = true; break; }
        if (getComputedStyle(e).display === "inline") continue;
        const own = e.getBoundingClientRect();
        if (scrolls(e)) scrolled = true;
        for (const [axis, low, high] of [["X", "left", "right"], ["Y", "top", "bottom"]]) {
          if (!cut_by(e, axis) && !scrolls(e)) continue;
          if (cut_by(e, axis) && !scrolled && (box[low] < own[low] - 2 || box[high] > own[high] + 2) && getComputedStyle(e).textOverflow !== "ellipsis")
            found.push(`cut off: ${short(node.data)} in ${e.tagName}.${e.getAttribute("class")}`);
          box[low] = Math.max(box[low], own[low]);
          box[high] = Math.min(box[high], own[high]);
        }
      }
      if (hidden || box.right - box.left < 2 || box.bottom - box.top < 2) continue;
      if (!scrolled && (box.left < -1 || box.right > root.clientWidth + 1)) found.push(`beyond the window: ${short(node.data)}`);
      // glyphs fill the middle of their line's box
      const inset = 0.2 * (box.bottom - box.top);
      boxes.push({...box, top: box.top + inset, bottom: box.bottom - inset, node, layer: layer(parent)});
    }
  }
  function layer(element) {
    for (let e = element; e; e = e.parentElement) if (/fixed|sticky/.test(getComputedStyle(e).position)) return e;
    return root;
  }
  boxes.sort((a, b) => a.top - b.top);
  for (let i = 0; i < boxes.length; i++) {
    for (let j = i + 1; j < boxes.length && boxes[j].top < boxes[i].bottom; j++) {
      const a = boxes[i], b = boxes[j];
      if (a.layer !== b.layer) continue;
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left), high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (wide > 2 && high > 2) found.push(`over each other: ${short(a.node.data)} and ${short(b.node.data)}`);
    }
  }
  return [...new Set(found)];
}
