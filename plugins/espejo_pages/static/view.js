// A release with its files, gates and report, on its own page and on that of the run that made it.
import {
  ask, badge, changesNotice, checkBadge, downloadButton, el, label, looks, named, notice, number, say, size, text, usesLine, verdict, when,
} from "./common.js";

// `whole`: with what the release is called, which the page of its run has said already.
export async function releaseView(address, whole = true) {
  const told = await ask(`${address}/about`);
  const checked = el("span", {}, el("span", { class: "sub" }, say("checking the files…")));
  const alerts = el("div", {});
  const report = el("div", { class: "report" });
  const view = el("div", { class: "view" },
    el("p", { class: "line" }, verdict(told), checked,
      el("span", { class: "sub" }, whole && [label(told.title), " · ", told.period, " · ", el("code", {}, told.name), " · "], when(told.created),
        told.rows != null && [" · ", say("{count} rows", { count: number(told.rows) })])),
    withdrawal(told), exception(told), alerts, usesLine(told.fit_for),
    el("div", { class: "panels" }, files(address, told), gates(told)), report);
  check(address, told, { checked, alerts, report });
  return view;
}

async function check(address, told, { checked, alerts, report }) {
  try {
    const found = await ask(`${address}/check`);
    checked.replaceChildren(checkBadge(found));
    if (!found.vouched) {
      alerts.append(notice("info", say("Checked against the public manifest only."),
        say("The copy in the restricted area no longer exists; a change of the manifest together with a file would not be noticed.")));
    }
    if (!found.changes.length) return report.replaceChildren(frame(address, told));
    alerts.prepend(changesNotice(told, found));
    const touched = found.changes.some((change) => ["report.html", "manifest.json"].includes(change.file));
    report.replaceChildren(touched ? veil(address, told, report) : frame(address, told));
  } catch (error) {
    checked.replaceChildren();
    alerts.append(notice("bad", say("The files could not be checked."), el("code", {}, error.message)));
  }
  return undefined;
}

// The report's own policy keeps it from everything; the frame's sandbox says the same once more.
function frame(address, told) {
  const node = el("iframe", { src: `${address}/report`, sandbox: "allow-scripts", class: "report" });
  node.title = `${told.period} ${told.name}`;
  const tell = () => node.contentWindow?.postMessage(looks(), "*"); // a sandbox has no origin to name
  node.addEventListener("load", tell);
  addEventListener("looks", tell);
  return named(node, text("Report of the release"));
}

function veil(address, told, report) {
  return notice("info", say("The report is not shown, because its author is unknown."),
    el("button", { type: "button", onclick: () => report.replaceChildren(frame(address, told)) },
      say("Show it anyway, in a sandbox")));
}

function withdrawal(told) {
  return told.withdrawn && notice("warn", say("This release was withdrawn."), told.reason,
    say("The files stay for those who already cite it; do not use it for new work."));
}

function exception(told) {
  return told.override && notice("warn", say("Published although gates failed, for this reason:"), told.override);
}

function files(address, told) {
  const order = ["synthetic.csv", "synthetic.parquet", "report.html"];
  const rank = (file) => (order.includes(file.name) ? order.indexOf(file.name) : order.length);
  const listed = [...told.files].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
  return el("details", { class: "panel" },
    el("summary", {}, say("Files ({count})", { count: listed.length })),
    el("p", { class: "sub" }, say("Each link works for {minutes} minutes.", { minutes: told.link_seconds / 60 })),
    el("ul", { class: "files" }, listed.map((file) => el("li", {},
      downloadButton(address, file.name, file.name), el("span", { class: "sub" }, size(file.size)),
      file.sha256 && el("code", { class: "hash", title: `SHA-256 ${file.sha256}` }, `${file.sha256.slice(0, 12)}…`)))));
}

function gates(told) {
  return el("details", { class: "panel" },
    el("summary", {}, say("Disclosure gates ({count})", { count: told.every_gate.length })),
    el("ul", { class: "gates" }, told.every_gate.map((gate) => el("li", {},
      !gate.applicable ? badge("gone", say("not applicable"))
        : gate.passed ? badge("good", say("pass")) : badge("bad", say("fail")),
      " ", label(gate.label)))));
}
