// Line charts as inline SVG: dots, direct labels and a title for each value; no library.
import { el, label, named } from "./common.js";

const HEIGHT = 220;
const PAD = { left: 48, right: 28, top: 14, bottom: 30 };

// series: {label, kind, points: [[x, y or null, title]]}, x counted from 0; ticks: the names of x;
// name: for those who do not see it;
// width: in pixels, so that letters keep their size; most: what no value can be above.
export function lineChart({ series, ticks, name, width, most = Infinity }) {
  const values = series.flatMap((line) => line.points.map((point) => point[1])).filter((y) => y != null);
  if (!values.length) return null;
  const levels = scale(values, most);
  const [bottom, top] = [levels[0], levels.at(-1)];
  const span = Math.max(...series.flatMap((line) => line.points.map((point) => point[0])), 0);
  const at = (x) => PAD.left + (span ? x / span : 0.5) * (width - PAD.left - PAD.right);
  const up = (y) => HEIGHT - PAD.bottom - ((y - bottom) / (top - bottom)) * (HEIGHT - PAD.top - PAD.bottom);
  const svg = named(el("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img" }), name);
  const digits = Math.max(0, -Math.floor(Math.log10(levels[1] - levels[0]) + 1e-9));
  for (const y of levels) {
    svg.append(
      el("line", { class: "grid", x1: PAD.left, x2: width - PAD.right, y1: up(y), y2: up(y) }),
      el("text", { class: "tick", x: PAD.left - 6, y: up(y) + 4, "text-anchor": "end" }, y.toFixed(digits)));
  }
  const every = Math.ceil(ticks.length / Math.max(2, Math.floor(width / 80)));
  ticks.forEach((tick, x) => {
    if (tick === "" || x % every) return;
    svg.append(el("text", { class: "tick", x: at(x), y: HEIGHT - 8, "text-anchor": "middle" }, tick));
  });
  for (const line of series) svg.append(drawn(line, at, up));
  const legend = el("figcaption", {}, series.map((line) => el("span", { class: `key ${line.kind}` }, label(line.label))));
  return el("figure", { class: "chart" }, legend, svg);
}

// How wide a chart may be among others in a row of the page.
export const room = (main, others = 0) => Math.max(280, Math.min(main.clientWidth - 80, 1150) / (others + 1));

function drawn(line, at, up) {
  const group = el("g", { class: line.kind });
  let path = "";
  let pen = "M";
  for (const [x, y] of line.points) {
    if (y == null) pen = "M";
    else {
      path += `${pen}${at(x).toFixed(1)} ${up(y).toFixed(1)}`;
      pen = "L";
    }
  }
  group.append(el("path", { d: path, fill: "none" }));
  if (line.points.length <= 60) {
    for (const [x, y, title] of line.points) {
      if (y == null) continue;
      group.append(el("circle", { cx: at(x), cy: up(y), r: 3.5 }, svgTitle(title)));
    }
  }
  return group;
}

function svgTitle(text) {
  const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
  title.textContent = text;
  return title;
}

// Round levels, three to six of them, that hold all values.
function scale(values, most) {
  const [least, highest] = [Math.min(...values), Math.max(...values)];
  const rough = Math.max(highest - least, 0.02) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const first = Math.floor(least / step - 0.1); // no line lies on the frame, but at the most
  const last = Math.min(Math.ceil(highest / step + 0.1), Math.ceil(most / step - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, n) => (first + n) * step);
}
