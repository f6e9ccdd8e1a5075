import {
  addressOf, airflowLink, ask, badge, ceiling, changesNotice, checkBadge, downloadButton, el, figure, label,
  languageButton, named, notice, ROOT, say, score, text, trouble, verdict, when,
} from "./common.js";
import { lineChart, room } from "./chart.js";

const main = document.getElementById("main");
const SHOWN = 8; // releases of a survey, before the reader asks for the older ones
const SCORES = [
  { key: "overall", kind: "one", label: text("Overall quality") },
  { key: "column_shapes", kind: "two", label: text("Column shapes") },
  { key: "column_pair_trends", kind: "three", label: text("Column pair trends") },
];

async function start() {
  const head = el("header", {},
    el("div", {}, el("h1", {}, say("Synthetic releases")),
      el("p", { class: "sub" }, say("What is published of each survey: whether it is fit for use, how close it is, and whether it is still as it was published."))),
    languageButton());
  try {
    const { surveys } = await ask(new URL("releases/data", ROOT));
    main.replaceChildren(head, ...surveys.map(survey));
    if (!surveys.length) {
      main.append(notice("info", say("There is no survey that you can see."),
        say("Each survey is shown to those who may read its DAG.")));
    }
  } catch (error) {
    main.replaceChildren(head, trouble(error));
  }
  main.removeAttribute("aria-busy");
}

function survey(told) {
  const alerts = el("div", {});
  const section = el("section", { class: "survey", id: told.survey },
    el("div", { class: "title" },
      el("h2", {}, label(told.title)),
      el("span", { class: "sub" }, el("code", {}, told.survey), " · ",
        airflowLink(`dags/${told.dag_id}`, say("see the DAG")))), alerts);
  if (told.error) {
    section.append(notice("bad", say("The lake could not be read."), el("code", {}, told.error)));
    return section;
  }
  if (!told.releases.length) {
    section.append(notice("info", say("There are no releases yet."),
      say("The first one appears here when a run of the DAG publishes it.")));
    return section;
  }
  section.append(...[current(told), history(told.releases), table(told, alerts)].filter(Boolean));
  return section;
}

function current(told) {
  const release = told.releases.find((one) => one.current);
  if (!release) {
    return notice("info", say("There is no current release."),
      say("All were withdrawn; the files stay for those who already cite them."));
  }
  const address = addressOf(told.dag_id, release);
  const cards = SCORES.map((one) => el("li", {}, label(one.label), el("b", {}, score(release.scores[one.key])),
    release.ceilings[one.key] != null && el("small", {}, ceiling(release.ceilings[one.key]))));
  return el("div", { class: "current" },
    el("div", { class: "now" },
      el("span", { class: "sub" }, say("Current")),
      el("a", { class: "period", href: address }, release.period),
      verdict(release),
      el("span", { class: "actions" },
        el("a", { class: "button", href: address }, say("Open the report")),
        release.readable && downloadButton(address, "synthetic.csv", "CSV"),
        release.readable && downloadButton(address, "synthetic.parquet", "Parquet"))),
    el("ul", { class: "cards" }, cards),
    Object.values(release.ceilings).some((one) => one != null) && el("p", { class: "sub" },
      say("A score beside its ceiling is of as many rows as the ceiling; the manifest has that of all rows.")));
}

// One release a period: the last one that stands.
function history(releases) {
  const standing = new Map();
  for (const release of releases) {
    if (!release.withdrawn && release.scores.overall != null && !standing.has(release.period)) {
      standing.set(release.period, release);
    }
  }
  const shown = [...standing.values()].reverse();
  if (!shown.length) return null;
  const lines = SCORES.map((one) => ({
    ...one, points: shown.map((r, x) => [x, r.scores[one.key] ?? null, `${r.period}: ${r.scores[one.key]}`]),
  }));
  const ceilings = shown.map((r, x) => [x, r.ceilings.overall ?? null, `${r.period}: ${r.ceilings.overall}`]);
  if (ceilings.some((point) => point[1] != null)) {
    lines.push({ kind: "ceiling", label: text("Ceiling of overall quality"), points: ceilings });
  }
  const chart = lineChart({ series: lines, ticks: shown.map((r) => r.period), most: 1, width: room(main),
    name: text("Scores by period; the figures are in the table") });
  chart.prepend(el("h3", {}, say("Scores over time")));
  return chart;
}

function table(told, alerts) {
  const head = [[text("Period")], [text("Release"), "wide"], [text("Created"), "wide"], [text("Rows"), "n wide"],
    [text("Verdict")], [text("Overall"), "n"], [text("Shapes"), "n wide"], [text("Pairs"), "n wide"], [text("Files")]];
  const body = el("tbody");
  const box = el("div", { class: "scroll", tabindex: "0", role: "region" }, el("table", {},
    el("caption", {}, say("All releases, the newest first")),
    el("thead", {}, el("tr", {}, head.map(([title, kind]) => el("th", { scope: "col", class: kind }, label(title))))), body));
  named(box, text("Table of releases"));
  const more = el("button", { type: "button", class: "more",
    onclick: () => { more.remove(); add(told.releases.slice(SHOWN)); } },
    say("Show all {count} releases", { count: told.releases.length }));
  async function add(releases) {
    const cells = releases.map((release) => {
      const cell = el("td", {}, el("span", { class: "sub" }, say("checking…")));
      body.append(row(told, release, cell));
      return [release, cell];
    });
    for (const [release, cell] of cells) await check(told, release, cell, alerts); // one at a time
  }
  add(told.releases.slice(0, SHOWN));
  return el("div", {}, box, told.releases.length > SHOWN && more);
}

function row(told, release, cell) {
  return el("tr", { class: release.withdrawn ? "withdrawn" : null },
    el("th", { scope: "row" }, el("a", { href: addressOf(told.dag_id, release) }, release.period), release.current && [" ", badge("info", say("current"))]),
    el("td", { class: "wide" }, el("code", {}, release.name)),
    el("td", { class: "wide" }, when(release.created)),
    el("td", { class: "n wide" }, release.rows == null ? "–" : figure(release.rows)),
    el("td", {}, verdict(release),
      release.reason && el("small", {}, release.reason),
      release.override && el("small", {}, release.override)),
    ...SCORES.map((one, at) => el("td", { class: at ? "n wide" : "n" }, score(release.scores[one.key]))), cell);
}

async function check(told, release, cell, alerts) {
  try {
    const found = await ask(`${addressOf(told.dag_id, release)}/check`);
    cell.replaceChildren(checkBadge(found));
    if (found.changes.length) alerts.append(changesNotice(release, found));
  } catch (error) {
    cell.replaceChildren(el("small", {}, error.message));
  }
}

start();
