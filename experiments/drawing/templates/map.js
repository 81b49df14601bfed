"use strict";
// Draws the covers of the page's map; what the page says is text, whatever a path or a genre may hold.
const data = JSON.parse(document.getElementById("map-data").textContent);
const unpack = (text) => new Uint16Array(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
const planes = data.planes.map(unpack); // x, y of each cover in turn, 0 to 65535
const classes = data.colourings.map((colouring) => unpack(colouring.codes));
const hidden = data.colourings.map((colouring) => colouring.labels.map(() => false));
const missing = new Set(data.missing);
const count = data.paths.length;
const visible = new Uint8Array(count).fill(1); // passes the filters of all colourings
const selected = new Uint8Array(count);

const box = document.getElementById("map-box");
const canvas = document.getElementById("map-canvas");
const card = document.getElementById("map-card");
const picture = document.getElementById("map-picture");
const legend = document.getElementById("map-legend");
const pen = canvas.getContext("2d");

let plane = 0;
let colouring = 0;
let zoom = 1;
let centre = [0, 0];
let fit = 1; // pixels a unit at zoom 1
let stamps = [];
let picked = -1;
let pinned = false;
let waiting = false;
let chosen = 0; // covers selected
let lassoes = false; // whether dragging draws a lasso; else it moves the map
let lasso = []; // corners of the lasso that is being drawn

// --- where covers stand ---------------------------------------------------------------------------------

const place = (i) => [
  canvas.clientWidth / 2 + (planes[plane][2 * i] - centre[0]) * fit * zoom,
  canvas.clientHeight / 2 - (planes[plane][2 * i + 1] - centre[1]) * fit * zoom,
];

// Calls visit(i, x, y) for each visible cover.
function each(visit) {
  const xy = planes[plane];
  const scaled = fit * zoom;
  const left = canvas.clientWidth / 2 - centre[0] * scaled;
  const top = canvas.clientHeight / 2 + centre[1] * scaled;
  for (let i = 0; i < count; i++) {
    if (visible[i]) visit(i, left + xy[2 * i] * scaled, top - xy[2 * i + 1] * scaled);
  }
}

function measure() {
  const low = [65535, 65535];
  const high = [0, 0];
  for (let i = 0; i < 2 * count; i++) {
    low[i % 2] = Math.min(low[i % 2], planes[plane][i]);
    high[i % 2] = Math.max(high[i % 2], planes[plane][i]);
  }
  const span = [0, 1].map((axis) => Math.max(high[axis] - low[axis], 1));
  fit = 0.94 * Math.min(canvas.clientWidth / span[0], canvas.clientHeight / span[1]);
  return [0, 1].map((axis) => (low[axis] + high[axis]) / 2);
}

function whole() {
  zoom = 1;
  scale(1);
  centre = measure();
}

function scale(wanted, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
  const before = zoom;
  zoom = Math.min(Math.max(wanted, 1), 60);
  // what is under (x, y) stays there
  const change = (1 / before - 1 / zoom) / fit;
  centre = [centre[0] + (x - canvas.clientWidth / 2) * change, centre[1] - (y - canvas.clientHeight / 2) * change];
  touch();
  ink();
}

function touch() {
  canvas.style.touchAction = zoom > 1 || lassoes ? "none" : "pan-y"; // else a finger scrolls the page
}

function nearest(x, y, within) {
  let best = -1;
  let least = within * within;
  each((i, px, py) => {
    const far = (px - x) ** 2 + (py - y) ** 2;
    if (far < least) {
      best = i;
      least = far;
    }
  });
  return best;
}

function towards(dx, dy) {
  const [x, y] = picked < 0 ? [canvas.clientWidth / 2, canvas.clientHeight / 2] : place(picked);
  if (picked < 0) return nearest(x, y, Infinity);
  let best = picked;
  let least = Infinity;
  each((i, px, py) => {
    const along = (px - x) * dx + (py - y) * dy;
    const aside = Math.abs((px - x) * dy) + Math.abs((py - y) * dx);
    if (i !== picked && along > 0 && along >= aside && along + 2 * aside < least) {
      best = i;
      least = along + 2 * aside;
    }
  });
  return best;
}

// --- drawing --------------------------------------------------------------------------------------------

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function ink() {
  const room = Math.sqrt((canvas.clientWidth * canvas.clientHeight) / count); // pixels a cover, one way
  const radius = Math.min(Math.max(0.21 * room, 1.7), 5) * Math.min(zoom ** 0.4, 2.2);
  const density = window.devicePixelRatio || 1;
  const edge = colour("--surface");
  stamps = data.colourings[colouring].marks.map((mark) => {
    const stamp = document.createElement("canvas");
    stamp.width = stamp.height = Math.ceil((2 * 1.3 * radius + 2) * density);
    const brush = stamp.getContext("2d");
    brush.translate(stamp.width / 2, stamp.height / 2);
    brush.scale(radius * density, radius * density);
    brush.fillStyle = colour(mark.colour);
    brush.strokeStyle = edge;
    brush.lineWidth = 0.18;
    const path = new Path2D(mark.path);
    brush.fill(path);
    brush.stroke(path);
    return stamp;
  });
  ask();
}

function ask() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    draw();
  });
}

function draw() {
  const density = window.devicePixelRatio || 1;
  const [width, height] = [Math.round(canvas.clientWidth * density), Math.round(canvas.clientHeight * density)];
  if (canvas.width !== width || canvas.height !== height) {
    [canvas.width, canvas.height] = [width, height];
    measure(); // what fits a screen does not fit a sheet of paper
  }
  const layers = inView(width, height, density);
  pen.globalAlpha = 1;
  pen.clearRect(0, 0, width, height);
  if (layers.seen > MANY) pixels(layers, width, height);
  else shapes(layers, density);
  pen.globalAlpha = 1;
  if (lasso.length > 1) outline(density);
  if (picked >= 0) {
    const [x, y] = place(picked);
    pen.strokeStyle = colour("--ink");
    pen.lineWidth = 2 * density;
    pen.beginPath();
    pen.arc(x * density, y * density, 9 * density, 0, 2 * Math.PI);
    pen.stroke();
    put(x, y);
  }
}

const MANY = 6000; // covers in view above which single pixels are set: a hundred thousand still move smoothly
const rows = new Uint32Array(count); // covers in view: filtered out, then not selected, then the others
const spots = new Int32Array(2 * count); // where each of these stands, in pixels of the canvas

function inView(width, height, density) {
  const xy = planes[plane];
  const scaled = fit * zoom * density;
  const left = width / 2 - centre[0] * scaled;
  const top = height / 2 + centre[1] * scaled;
  const starts = [];
  let seen = 0;
  for (let layer = 0; layer < 3; layer++) {
    starts.push(seen);
    for (let i = 0; i < count; i++) {
      if ((visible[i] ? (chosen && !selected[i] ? 1 : 2) : 0) !== layer) continue;
      const x = Math.round(left + xy[2 * i] * scaled);
      const y = Math.round(top - xy[2 * i + 1] * scaled);
      if (x < 0 || y < 0 || x >= width || y >= height) continue;
      rows[seen] = i;
      spots[2 * seen] = x;
      spots[2 * seen + 1] = y;
      seen++;
    }
  }
  return { starts, seen };
}

function shapes({ starts, seen }, density) {
  pen.fillStyle = colour("--line");
  for (let k = 0; k < seen; k++) {
    const [x, y] = [spots[2 * k], spots[2 * k + 1]];
    if (k < starts[1]) {
      pen.fillRect(x - density, y - density, 2 * density, 2 * density);
      continue;
    }
    const stamp = stamps[classes[colouring][rows[k]]];
    pen.globalAlpha = k < starts[2] ? 0.25 : 0.9;
    pen.drawImage(stamp, x - stamp.width / 2, y - stamp.height / 2);
  }
}

function pixels({ starts, seen }, width, height) {
  const image = pen.createImageData(width, height);
  const words = new Uint32Array(image.data.buffer);
  const dots = stamps.map(dotted);
  const quiet = word(colour("--line"));
  for (let k = 0; k < seen; k++) {
    const [x, y] = [spots[2 * k], spots[2 * k + 1]];
    if (k < starts[1]) {
      words[y * width + x] = quiet;
      continue;
    }
    const dot = dots[classes[colouring][rows[k]]];
    const half = dot.half;
    if (x < half || y < half || x + half >= width || y + half >= height) continue;
    const pale = k < starts[2];
    for (let p = 0; p < dot.colours.length; p++) {
      const at = (y + dot.down[p]) * width + x + dot.right[p];
      words[at] = pale ? dot.pale[p] : dot.colours[p];
    }
  }
  pen.putImageData(image, 0, 0);
}

// The pixels of a stamp, as offsets from its middle and colours.
function dotted(stamp) {
  if (stamp.dot) return stamp.dot;
  const side = stamp.width;
  const all = new Uint32Array(stamp.getContext("2d").getImageData(0, 0, side, side).data.buffer);
  const half = Math.ceil(side / 2);
  const dot = { half, right: [], down: [], colours: [], pale: [] };
  all.forEach((value, at) => {
    if (value >>> 24 < 96) return;
    dot.right.push((at % side) - (half - 1));
    dot.down.push(Math.floor(at / side) - (half - 1));
    dot.colours.push((value | 0xff000000) >>> 0);
    dot.pale.push(((value & 0xffffff) | 0x40000000) >>> 0);
  });
  stamp.dot = dot;
  return dot;
}

// A colour as a pixel of the canvas.
function word(name) {
  const one = document.createElement("canvas").getContext("2d");
  one.fillStyle = name;
  one.fillRect(0, 0, 1, 1);
  return new Uint32Array(one.getImageData(0, 0, 1, 1).data.buffer)[0];
}

function outline(density) {
  pen.strokeStyle = colour("--ink");
  pen.lineWidth = 1.5 * density;
  pen.setLineDash([6 * density, 4 * density]);
  pen.beginPath();
  for (const [x, y] of lasso) pen.lineTo(x * density, y * density);
  pen.closePath();
  pen.stroke();
  pen.setLineDash([]);
}

// --- the card of one cover ------------------------------------------------------------------------------

const sheets = data.sheets.map(() => null);

function sheet(number) {
  if (!sheets[number]) {
    sheets[number] = new Image();
    sheets[number].onload = () => picked >= 0 && thumbnail();
    sheets[number].src = data.sheets[number];
  }
  return sheets[number];
}

function thumbnail() {
  const there = picked < data.pictured && !missing.has(picked);
  picture.hidden = !there;
  if (!there) return;
  const each = data.across ** 2;
  const from = sheet(Math.floor(picked / each));
  if (!from.complete) return;
  const spot = picked % each;
  const brush = picture.getContext("2d");
  brush.imageSmoothingQuality = "high";
  brush.drawImage(
    from,
    (spot % data.across) * data.side, Math.floor(spot / data.across) * data.side, data.side, data.side,
    0, 0, picture.width, picture.height,
  );
}

const short = (path) => (path.length > 90 ? `\u2026${path.slice(-90)}` : path);

function put(x, y) {
  const left = x > canvas.clientWidth / 2 ? x - card.offsetWidth - 16 : x + 16;
  const top = y - card.offsetHeight / 2;
  card.style.left = `${Math.min(Math.max(left, 0), Math.max(canvas.clientWidth - card.offsetWidth, 0))}px`;
  card.style.top = `${Math.min(Math.max(top, 0), Math.max(canvas.clientHeight - card.offsetHeight, 0))}px`;
}

function pick(i, pin) {
  pinned = pin && i >= 0;
  if (i === picked && i < 0) return;
  picked = i;
  card.hidden = i < 0;
  if (i >= 0) {
    const lines = data.colourings.flatMap((one, k) => (one.one ? [] : [`${one.name}: ${one.labels[classes[k][i]]}`]));
    if (data.predicted?.[i]) lines.push(`predicted: ${data.predicted[i]}`);
    if (selected[i]) lines.push("selected");
    document.getElementById("map-genre").textContent = lines[0];
    document.getElementById("map-clusters").textContent = lines.slice(1).join("; ");
    document.getElementById("map-path").textContent = short(data.paths[i]);
    thumbnail();
  }
  ask();
}

// --- what the reader does -------------------------------------------------------------------------------

function entry(label, number, of) {
  const row = document.createElement("label");
  const check = document.createElement("input");
  check.type = "checkbox";
  check.checked = !hidden[of][number];
  check.addEventListener("change", () => {
    hidden[of][number] = !check.checked;
    filter();
  });
  row.append(check);
  if (of === colouring) {
    const mark = data.colourings[of].marks[number];
    const svg = document.getElementById("map-mark").content.firstElementChild.cloneNode(true);
    svg.firstElementChild.setAttribute("d", mark.path);
    svg.firstElementChild.style.fill = `var(${mark.colour})`;
    row.append(svg);
  }
  const covers = document.createElement("small");
  covers.textContent = data.colourings[of].counts[number].toLocaleString("en");
  row.append(document.createTextNode(`${label} `), covers);
  return row;
}

const filters = document.getElementById("map-filters");

// The legend of the marks, and a filter for each other way to mark the covers.
function list() {
  legend.replaceChildren(...data.colourings[colouring].labels.map((label, k) => entry(label, k, colouring)));
  filters.replaceChildren(
    ...data.colourings.flatMap((one, k) => {
      if (k === colouring) return [];
      const part = document.createElement("fieldset");
      const title = document.createElement("legend");
      title.textContent = one.name;
      const rows = document.createElement("div");
      rows.className = "rows";
      rows.append(...one.labels.map((label, number) => entry(label, number, k)));
      part.append(title, rows);
      return [part];
    }),
  );
}

function filter() {
  for (let i = 0; i < count; i++) visible[i] = hidden.every((out, k) => !out[classes[k][i]]) ? 1 : 0;
  if (picked >= 0 && !visible[picked]) pick(-1, false);
  tell();
  ask();
}

function all(on) {
  hidden[colouring].fill(!on);
  list();
  filter();
}

// --- the selection --------------------------------------------------------------------------------------

const english = (number) => number.toLocaleString("en");

function tell() {
  let left = 0;
  chosen = 0;
  const genres = data.colourings[0].labels.map(() => 0);
  for (let i = 0; i < count; i++) {
    left += visible[i];
    if (!selected[i]) continue;
    chosen++;
    genres[classes[0][i]]++;
  }
  const most = genres.map((covers, k) => [covers, data.colourings[0].labels[k]]).filter(([covers]) => covers);
  most.sort((a, b) => b[0] - a[0]);
  const named = most.slice(0, 8).map(([covers, label]) => `${label} ${english(covers)}`);
  if (most.length > 8) named.push(`${most.length - 8} more genres`);
  const shownWords = left < count ? ` The filters show ${english(left)} of ${english(count)} covers.` : "";
  const words = chosen ? `${english(chosen)} selected: ${named.join(", ")}.` : "No cover is selected.";
  document.getElementById("map-selected").textContent = words + shownWords;
  for (const id of ["map-clear", "map-save"]) document.getElementById(id).disabled = !chosen;
}

// Selects the visible covers for which `within(x, y)` holds, beside those selected before if `add`.
function select(within, add) {
  if (!add) selected.fill(0);
  each((i, x, y) => within(x, y) && (selected[i] = 1));
  tell();
  ask();
}

function inside(corners) {
  const xs = corners.map(([x]) => x);
  const ys = corners.map(([, y]) => y);
  const [west, east] = [Math.min(...xs), Math.max(...xs)];
  const [north, south] = [Math.min(...ys), Math.max(...ys)];
  return (x, y) => {
    if (x < west || x > east || y < north || y > south) return false;
    let odd = false;
    for (let a = 0, b = corners.length - 1; a < corners.length; b = a++) {
      if (ys[a] > y !== ys[b] > y && x < ((xs[b] - xs[a]) * (y - ys[a])) / (ys[b] - ys[a]) + xs[a]) odd = !odd;
    }
    return odd;
  };
}

// A cell of a CSV file; a spreadsheet takes none for a formula.
const cell = (text) => `"${(/^[=+\-@\t\r]/.test(text) ? "'" : "") + text.replaceAll('"', '""')}"`;

function save() {
  const head = ["cover_id", "path", ...data.colourings.map((one) => one.name)];
  if (data.predicted) head.push("predicted");
  const lines = [head.map(cell).join(",")];
  for (let i = 0; i < count; i++) {
    if (!selected[i]) continue;
    const path = data.root ? `${data.root}/${data.paths[i]}` : data.paths[i];
    const line = [data.ids[i], path, ...data.colourings.map((one, k) => one.labels[classes[k][i]])];
    if (data.predicted) line.push(data.predicted[i]);
    lines.push(line.map(cell).join(","));
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([`${lines.join("\r\n")}\r\n`], { type: "text/csv" }));
  link.download = "selection.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

for (const input of document.querySelectorAll("input[name=plane]")) {
  input.addEventListener("change", () => {
    plane = Number(input.value);
    whole();
  });
}
for (const input of document.querySelectorAll("input[name=colouring]")) {
  input.addEventListener("change", () => {
    colouring = Number(input.value);
    list();
    ink();
  });
}
document.getElementById("map-all").addEventListener("click", () => all(true));
document.getElementById("map-none").addEventListener("click", () => all(false));
document.getElementById("map-in").addEventListener("click", () => scale(zoom * 1.6));
document.getElementById("map-out").addEventListener("click", () => scale(zoom / 1.6));
document.getElementById("map-whole").addEventListener("click", whole);
document.getElementById("map-view").addEventListener("click", (event) => {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  select((x, y) => x >= 0 && y >= 0 && x <= width && y <= height, event.shiftKey);
});
document.getElementById("map-clear").addEventListener("click", () => select(() => false, false));
document.getElementById("map-save").addEventListener("click", save);
for (const input of document.querySelectorAll("input[name=drag]")) {
  input.addEventListener("change", () => {
    lassoes = input.value === "lasso";
    touch();
  });
}

const spot = (event) => {
  const frame = canvas.getBoundingClientRect();
  return [event.clientX - frame.left, event.clientY - frame.top];
};
let held = null; // where the pointer went down, and whether it has moved since

canvas.addEventListener("pointerdown", (event) => {
  held = { at: spot(event), moved: false };
  lasso = lassoes ? [held.at] : [];
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener("pointermove", (event) => {
  const [x, y] = spot(event);
  if (held) {
    const [dx, dy] = [x - held.at[0], y - held.at[1]];
    if (!held.moved && Math.hypot(dx, dy) < 5) return;
    held = { at: [x, y], moved: true };
    ask();
    if (lassoes) {
      lasso.push([x, y]);
      return;
    }
    centre = [centre[0] - dx / fit / zoom, centre[1] + dy / fit / zoom];
  } else if (!pinned) {
    pick(nearest(x, y, 12), false);
  }
});
canvas.addEventListener("pointerup", (event) => {
  if (held && !held.moved) {
    const found = nearest(...spot(event), event.pointerType === "touch" ? 26 : 12);
    pick(pinned && found === picked ? -1 : found, true);
  } else if (held && lasso.length > 2) {
    select(inside(lasso), event.shiftKey);
  }
  drop();
});
function drop() {
  held = null;
  lasso = [];
  ask();
}
canvas.addEventListener("pointercancel", drop);
canvas.addEventListener("pointerleave", () => pinned || pick(-1, false));
canvas.addEventListener(
  "wheel",
  (event) => {
    if (!event.ctrlKey && document.activeElement !== canvas) return; // the page scrolls until the map is chosen
    event.preventDefault();
    scale(zoom * 1.2 ** -Math.sign(event.deltaY), ...spot(event));
  },
  { passive: false },
);
const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
canvas.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (arrows[event.key]) {
    pick(towards(...arrows[event.key]), true);
    if (picked >= 0) {
      const [x, y] = place(picked);
      if (x < 0 || y < 0 || x > canvas.clientWidth || y > canvas.clientHeight) {
        centre = [planes[plane][2 * picked], planes[plane][2 * picked + 1]];
      }
    }
  } else if (event.key === "+" || event.key === "=") scale(zoom * 1.6);
  else if (event.key === "-") scale(zoom / 1.6);
  else if (event.key === "0") whole();
  else if (event.key === "Escape") pick(-1, false);
  else if ((event.key === "Enter" || event.key === " ") && picked >= 0) {
    selected[picked] ^= 1;
    tell();
    pick(picked, pinned);
  }
  else return;
  event.preventDefault();
});

for (const query of ["(prefers-color-scheme: dark)", "print"]) {
  matchMedia(query).addEventListener("change", () => {
    ink();
    draw();
  });
}
list();
tell();
whole();
new ResizeObserver(() => {
  measure();
  ink();
}).observe(box);
