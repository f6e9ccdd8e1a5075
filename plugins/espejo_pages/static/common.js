// What the three pages share. Whatever comes from outside becomes text, never markup.

export const ROOT = new URL("..", import.meta.url); // of these pages
export const AIRFLOW = new URL("..", ROOT);

const LOCALES = { es: "es-MX", en: "en" };

export function el(tag, attributes = {}, ...children) {
  const node = tag === "svg" || SVG.has(tag)
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child != null && child !== false));
  return node;
}
const SVG = new Set(["path", "line", "circle", "text", "g"]);

// --- both languages are in the page; an attribute of <html> shows one of them --------------------

// By the English. Without the catalogue a page still says all in English.
const SPANISH = await fetch(new URL("texts.json", ROOT)).then((answer) => (answer.ok ? answer.json() : {}), () => ({}));

// A sentence of the catalogue in both languages; what fills its gaps may be in both, too.
export function text(english, gaps = {}) {
  const filled = (sentence, lang) =>
    sentence.replace(/\{(\w+)\}/g, (_, name) => gaps[name]?.[lang] ?? gaps[name]);
  return { es: filled(SPANISH[english] ?? english, "es"), en: filled(english, "en") };
}

export function label({ es, en }) {
  const both = document.createDocumentFragment();
  both.append(el("span", { lang: "es" }, es), el("span", { lang: "en" }, en));
  return both;
}

export const say = (english, gaps) => label(text(english, gaps));

export const number = (value, options = {}) =>
  Object.fromEntries(["es", "en"].map((lang) => [lang, value.toLocaleString(LOCALES[lang], options)]));

export const figure = (value, options) => label(number(value, options));

const TWO = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
export const score = (value) => (value == null ? "–" : figure(value, TWO));
export const ceiling = (value) => say("ceiling {figure}", { figure: number(value, TWO) });

export function when(text, time = false) {
  const date = new Date(text);
  if (!text || Number.isNaN(date.valueOf())) return "–";
  const style = { dateStyle: "medium", ...(time && { timeStyle: "short" }) };
  const [es, en] = ["es", "en"].map((lang) => date.toLocaleString(LOCALES[lang], style));
  return el("time", { datetime: date.toISOString() }, label({ es, en }));
}

export function size(bytes) {
  if (bytes == null) return "";
  const [power, unit] = bytes < 1e3 ? [0, "B"] : bytes < 1e6 ? [3, "kB"] : [6, "MB"];
  const value = bytes / 10 ** power;
  const digits = value < 10 && power ? 1 : 0;
  const { es, en } = number(value, { maximumFractionDigits: digits });
  return label({ es: `${es} ${unit}`, en: `${en} ${unit}` });
}

export function duration(seconds) {
  if (seconds == null) return "–";
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h ? `${h} h ${m} min` : m ? `${m} min ${m < 10 ? `${s} s` : ""}`.trim() : `${s} s`;
}

// A name for those who do not see the element, in the language that is shown.
export function named(node, { es, en }) {
  Object.assign(node.dataset, { es, en });
  node.setAttribute("aria-label", language() === "es" ? es : en);
  return node;
}

const language = () => document.documentElement.dataset.language;

// How the reader sees the page, for the report in its frame: the sandbox can ask nobody.
export const looks = () => ({ language: language(), theme: document.documentElement.dataset.theme ?? null });

function stored(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}

function show(lang) {
  Object.assign(document.documentElement.dataset, { language: lang });
  document.documentElement.lang = lang;
  for (const node of document.querySelectorAll("[data-es]")) {
    node.setAttribute("aria-label", node.dataset[lang]);
  }
  dispatchEvent(new Event("looks"));
}

export function languageButton() {
  const button = el("button", {
    type: "button", class: "language",
    onclick: () => {
      const next = language() === "es" ? "en" : "es";
      try { localStorage.setItem("espejo.language", next); } catch { /* shown all the same */ }
      show(next);
    },
  }, el("span", { lang: "es" }, "English"), el("span", { lang: "en" }, "Español"));
  return named(button, { es: "Read in English", en: "Leer en español" }); // each in the other
}

// Airflow's own choice of colours and language, where the reader made one there.
function followAirflow() {
  const theme = stored("theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  dispatchEvent(new Event("looks"));
}
const asked = stored("espejo.language") || stored("i18nextLng") || navigator.language || "en";
show(asked.startsWith("es") ? "es" : "en");
followAirflow();
addEventListener("storage", followAirflow);

// --- asking, and telling what went wrong ---------------------------------------------------------

export class Refusal extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export async function ask(address, options = {}) {
  const answer = await fetch(address, { credentials: "same-origin", ...options });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refusal(answer.status, String(told.detail ?? answer.statusText));
  return told;
}

export function trouble(error) {
  const why = {
    401: say("Your Airflow session has ended: log in again."),
    403: say("You do not have permission to read this DAG."),
  }[error.status];
  return notice("bad", why ?? say("This could not be read."),
    why ? null : el("code", {}, error.message));
}

export function notice(kind, title, ...rest) {
  return el("div", { class: `notice ${kind}`, role: kind === "bad" ? "alert" : "status" },
    el("strong", {}, title), rest.flat().filter(Boolean).map((part) => el("div", {}, part)));
}

export function badge(kind, content, title) {
  return el("span", { class: `badge ${kind}`, title }, content);
}

// Airflow's frame may not move its window; its own document may.
export function airflowLink(path, ...content) {
  const href = new URL(path, AIRFLOW).href;
  return el("a", {
    href,
    onclick: (event) => {
      if (parent === window || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      const link = parent.document.createElement("a");
      link.href = href;
      parent.document.body.append(link);
      link.click();
      link.remove();
    },
  }, ...content);
}

export const addressOf = (dag, release) => new URL(
  `releases/${encodeURIComponent(dag)}/${encodeURIComponent(release.period)}/${encodeURIComponent(release.name)}`, ROOT).href;

// A button that fetches a link of some minutes and follows it: the browser saves the file.
export function downloadButton(address, file, ...content) {
  const told = el("span", { class: "told", role: "status" });
  const button = el("button", {
    type: "button", class: "download",
    onclick: async () => {
      button.disabled = true;
      told.replaceChildren();
      try {
        const path = file.split("/").map(encodeURIComponent).join("/");
        const link = await ask(`${address}/links/${path}`, { method: "POST" });
        location.assign(link.url);
      } catch (error) {
        told.replaceChildren(error.status === 409
          ? say("This file was changed after it was published, so it cannot be downloaded.")
          : error.message);
      }
      button.disabled = false;
    },
  }, el("span", { "aria-hidden": "true" }, "↓ "), ...content);
  return el("span", { class: "give" }, button, told);
}

export function verdict(release) {
  if (release.withdrawn) return badge("gone", say("Withdrawn"));
  if (!release.readable) return badge("bad", say("Unreadable"));
  if (release.override || release.failed.length) {
    return badge("warn", say("Overridden"));
  }
  if (!release.gates) return badge("warn", say("Without gates"));
  return badge("good", say("Passes {gates} of {gates} gates", { gates: release.gates }));
}

export function checkBadge(check) {
  if (!check.changes.length) {
    return badge("good", say("As published"));
  }
  const n = check.changes.length;
  return badge("bad", n === 1 ? say("1 file changed") : say("{n} files changed", { n }));
}

const KINDS = {
  changed: say("contents changed"),
  missing: say("missing"),
  unlisted: say("not part of the release"),
};

export function changesNotice(release, check) {
  const rows = check.changes.map((change) => el("li", {},
    el("b", {}, change.file), " – ", KINDS[change.kind].cloneNode(true),
    change.kind === "changed" && el("dl", {},
      el("dt", {}, say("SHA-256 published")), el("dd", {}, el("code", {}, change.expected ?? "?")),
      el("dt", {}, say("SHA-256 found")), el("dd", {}, el("code", {}, change.found ?? "?")))));
  return notice("bad",
    say("Release {period} {name} was changed after it was published.", release),
    el("ul", { class: "changes" }, rows),
    say("Do not use it. Find out who wrote to the public area, and restore the files from the bucket's versions or withdraw the release."));
}

// What a table is fit for, a badge a use; told: [{use, label, answer}].
const ANSWERS = {
  fit: ["good", text("fit")], care: ["warn", text("with care")], not_fit: ["bad", text("not fit")],
};
export function usesLine(told) {
  if (!told?.length) return null;
  return el("ul", { class: "uses" }, told.map((one) => {
    const [kind, answer] = ANSWERS[one.answer];
    return el("li", {}, one.label ? label(one.label) : el("code", {}, one.use), " ", badge(kind, label(answer)));
  }));
}
