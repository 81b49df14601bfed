"use strict";
// Draws the covers of the page's map; what the page says is text, whatever a path or a genre may hold.
const data = JSON.parse(document.getElementById("map-data").textContent);
const unpack = (text) => new Uint16Array(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
const planes = data.planes.map(unpack); // x, y of each cover in turn, 0 to 65535
const classes = data.colourings.map((colouring) => unpack(colouring.codes));
const hidden = data.colourings.map((colouring) => colouring.labels.map(() => false));
const missing = new Set(data.missing);
const count = data.paths.length;

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

// --- where covers stand ---------------------------------------------------------------------------------

const place = (i) => [
  canvas.clientWidth / 2 + (planes[plane][2 * i] - centre[0]) * fit * zoom,
  canvas.clientHeight / 2 - (planes[plane][2 * i + 1] - centre[1]) * fit * zoom,
];
const shown = (i) => !hidden[colouring][classes[colouring][i]];

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
  canvas.style.touchAction = zoom > 1 ? "none" : "pan-y"; // a finger scrolls the page until the map is zoomed
  ink();
}

function nearest(x, y, within) {
  let best = -1;
  let least = within * within;
  for (let i = 0; i < count; i++) {
    if (!shown(i)) continue;
    const [px, py] = place(i);
    const far = (px - x) ** 2 + (py - y) ** 2;
    if (far < least) [best, least] = [i, far];
  }
  return best;
}

function towards(dx, dy) {
  const [x, y] = picked < 0 ? [canvas.clientWidth / 2, canvas.clientHeight / 2] : place(picked);
  if (picked < 0) return nearest(x, y, Infinity);
  let best = picked;
  let least = Infinity;
  for (let i = 0; i < count; i++) {
    if (i === picked || !shown(i)) continue;
    const [px, py] = place(i);
    const along = (px - x) * dx + (py - y) * dy;
    const aside = Math.abs((px - x) * dy) + Math.abs((py - y) * dx);
    if (along > 0 && along >= aside && along + 2 * aside < least) [best, least] = [i, along + 2 * aside];
  }
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
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  pen.clearRect(0, 0, width, height);
  pen.globalAlpha = 1;
  pen.fillStyle = colour("--line");
  for (let i = 0; i < count; i++) {
    if (shown(i)) continue;
    const [x, y] = place(i);
    pen.fillRect(x * density - density, y * density - density, 2 * density, 2 * density);
  }
  pen.globalAlpha = 0.9;
  for (let i = 0; i < count; i++) {
    if (!shown(i)) continue;
    const [x, y] = place(i);
    const stamp = stamps[classes[colouring][i]];
    pen.drawImage(stamp, x * density - stamp.width / 2, y * density - stamp.height / 2);
  }
  if (picked >= 0) {
    const [x, y] = place(picked);
    pen.globalAlpha = 1;
    pen.strokeStyle = colour("--ink");
    pen.lineWidth = 2 * density;
    pen.beginPath();
    pen.arc(x * density, y * density, 9 * density, 0, 2 * Math.PI);
    pen.stroke();
    put(x, y);
  }
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
    const lines = data.colourings.map((one, k) => `${one.name}: ${one.labels[classes[k][i]]}`);
    document.getElementById("map-genre").textContent = lines[0];
    document.getElementById("map-clusters").textContent = lines.slice(1).join("; ");
    document.getElementById("map-path").textContent = data.paths[i];
    thumbnail();
  }
  ask();
}

// --- what the reader does -------------------------------------------------------------------------------

function entry(label, number) {
  const row = document.createElement("label");
  const check = document.createElement("input");
  check.type = "checkbox";
  check.checked = !hidden[colouring][number];
  check.addEventListener("change", () => {
    hidden[colouring][number] = !check.checked;
    if (picked >= 0 && !shown(picked)) pick(-1, false);
    ask();
  });
  const mark = data.colourings[colouring].marks[number];
  const svg = document.getElementById("map-mark").content.firstElementChild.cloneNode(true);
  svg.firstElementChild.setAttribute("d", mark.path);
  svg.firstElementChild.style.fill = `var(${mark.colour})`;
  const covers = document.createElement("small");
  covers.textContent = data.colourings[colouring].counts[number].toLocaleString("en");
  row.append(check, svg, document.createTextNode(`${label} `), covers);
  return row;
}

function list() {
  legend.replaceChildren(...data.colourings[colouring].labels.map(entry));
}

function all(on) {
  hidden[colouring].fill(!on);
  pick(-1, false);
  list();
  ask();
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

const spot = (event) => {
  const frame = canvas.getBoundingClientRect();
  return [event.clientX - frame.left, event.clientY - frame.top];
};
let held = null; // where the pointer went down, and whether it has moved since

canvas.addEventListener("pointerdown", (event) => {
  held = { at: spot(event), moved: false };
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener("pointermove", (event) => {
  const [x, y] = spot(event);
  if (held) {
    const [dx, dy] = [x - held.at[0], y - held.at[1]];
    if (!held.moved && Math.hypot(dx, dy) < 5) return;
    held = { at: [x, y], moved: true };
    centre = [centre[0] - dx / fit / zoom, centre[1] + dy / fit / zoom];
    ask();
  } else if (!pinned) {
    pick(nearest(x, y, 12), false);
  }
});
canvas.addEventListener("pointerup", (event) => {
  if (held && !held.moved) {
    const found = nearest(...spot(event), event.pointerType === "touch" ? 26 : 12);
    pick(pinned && found === picked ? -1 : found, true);
  }
  held = null;
});
canvas.addEventListener("pointercancel", () => (held = null));
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
whole();
new ResizeObserver(() => {
  measure();
  ink();
}).observe(box);
