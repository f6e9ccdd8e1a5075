import {
  addressOf, airflowLink, AIRFLOW, ask, badge, duration, el, figure, label, languageButton, named, notice, say, text,
  trouble, usesLine,
} from "./common.js";
import { lineChart, room } from "./chart.js";
import { releaseView } from "./view.js";

const main = document.getElementById("main");
const [dag, run] = location.pathname.split("/").slice(-2);
const here = location.href.split(/[?#]/)[0];
const BETWEEN = 2000; // ms, while the run is going
const OVER = new Set(["success", "failed"]);

const STEPS = {
  plan: text("Plan"),
  wait_for_file: text("Wait for the file"),
  open_scratch: text("Open scratch"),
  ingest: text("Ingest"),
  validate: text("Validate"),
  close_scratch: text("Close scratch"),
  protect: text("Protect"),
  pretrain: text("Learn what the parts share"),
  train: text("Train"),
  sample: text("Sample"),
  list_parts: text("List the parts"),
  combine: text("Combine the parts"),
  list_shards: text("List the shards"),
  search: text("Search for neighbours"),
  evaluate: text("Evaluate"),
  disclose: text("Disclose"),
  report: text("Report"),
  publish: text("Publish"),
  end_run: text("End of the run"),
};
const STATES = {
  success: ["good", text("done")],
  running: ["info", text("running")],
  failed: ["bad", text("failed")],
  up_for_retry: ["warn", text("will be tried again")],
  up_for_reschedule: ["info", text("waiting")],
  deferred: ["info", text("waiting")],
  queued: ["info", text("queued")],
  scheduled: ["info", text("queued")],
  restarting: ["info", text("restarting")],
  skipped: ["gone", text("skipped")],
  upstream_failed: ["gone", text("not done")],
  removed: ["gone", text("removed")],
};
const REMEDIES = {
  plan: text("Correct the parameters and trigger again."),
  wait_for_file: text("Put the one file of the period into the raw location and clear this task."),
  ingest: text("Correct the file or the spec, and trigger again."),
  validate: text("Correct the file or the spec, and trigger again."),
  disclose: text("If the attempts are used up, find out why they failed and trigger again with a reason; otherwise clear the task."),
  publish: text("If a gate stopped it, change one thing and trigger again: clearing the task gives the same answer."),
};
const ANY_REMEDY = text("Once the cause is fixed, clear the task: the run continues from what is done.");

// A task of a part has the group before its name.
const stepOf = (task) => task.id.split(".").pop();
const nameOf = (task) => STEPS[stepOf(task)] ?? { es: task.id, en: task.id };

const status = el("div", { role: "status" });
const outcome = el("div", {});
const training = el("div", {});
const steps = el("ol", { class: "steps" });
const details = el("details", { class: "panel", open: true }, el("summary", {}, say("Steps")), steps);
const release = el("div", {});
const messages = new Map(); // of failed attempts, by task and try: asked for once
let shownRelease = null;

main.replaceChildren(el("header", {}, el("h1", { class: "quiet" }, say("Release of this run")), languageButton()),
  status, outcome, training, release, details);

async function follow() {
  let told = null;
  try {
    told = await ask(`${here}/state`);
    draw(told);
  } catch (error) {
    if (error.status === 404) return main.replaceChildren(other());
    status.replaceChildren(trouble(error));
    if (error.status && error.status < 500) return undefined;
  }
  main.removeAttribute("aria-busy");
  if (!told || !OVER.has(told.state)) setTimeout(follow, document.hidden ? 5 * BETWEEN : BETWEEN);
  return undefined;
}

function other() {
  main.removeAttribute("aria-busy");
  return notice("info", say("This DAG makes no synthetic releases."),
    say("The tab is for runs of <survey>_synthesis."));
}

function draw(told) {
  const failed = told.tasks.filter((task) => task.state === "failed");
  const [kind, state] = told.state === "success" && told.dry_run ? ["info", text("Dry run done")]
    : told.state === "success" ? ["good", text("Done")]
      : told.state === "failed" ? ["bad", text("Failed")]
        : told.state === "queued" ? ["info", text("Queued")] : ["info", text("Under way")];
  keep(status, [el("p", { class: "line" }, badge(kind, label(state)), el("span", { class: "sub" },
    say("Period {period}", { period: told.period ?? "–" }), told.release && [" · ", el("code", {}, told.release)],
    told.asked.flatMap(({ label: name, value }) => [" · ", label(name), " ", asked(value)])))]);
  keep(outcome, [...failed.map((task) => failure(task, told)), heldBack(told, failed), waiting(told), told.published ? null : usesLine(told.fit_for)]);
  training.replaceChildren(...[trainingView(told)].filter(Boolean));
  steps.replaceChildren(...told.tasks.map(step));
  if (told.state === "success") details.open = false;
  if (told.published && told.release !== shownRelease) {
    shownRelease = told.release;
    details.open = false;
    releaseView(addressOf(decodeURIComponent(dag), { period: told.period, name: told.release }), false)
      .then((view) => release.replaceChildren(view), (error) => release.replaceChildren(trouble(error)));
  }
}

// A setting as the form's bounds let it through, which may not be what was typed.
const asked = (value) => (typeof value === "number" ? figure(value) : value === true ? say("yes") : value === false ? say("no") : value);

// Only if it says something else than before: what is read aloud is not read twice.
function keep(node, parts) {
  const next = el("div", {}, parts.filter(Boolean));
  if (node.textContent !== next.textContent) node.replaceChildren(...next.childNodes);
}

function step(task) {
  const [kind, state] = STATES[task.state] ?? ["none", text("to do")];
  const tries = task.try_number > 1 && el("span", { class: "sub" }, say("try {number} of {most}", { number: task.try_number, most: task.most_tries }));
  return el("li", { class: kind }, el("span", { class: "step" }, label(nameOf(task))), badge(kind, label(state)),
    task.try_number > 0 && task.seconds != null && el("span", { class: "sub" }, duration(task.seconds)), tries,
    task.try_number > 0 && airflowLink(`dags/${dag}/runs/${run}/tasks/${task.id}`, say("log")));
}

// --- why it failed, and what to do ---------------------------------------------------------------

function failure(task, told) {
  const why = el("pre", {}, messages.get(key(task)) ?? "…");
  if (!messages.has(key(task))) {
    messages.set(key(task), "…");
    readMessage(task).then((message) => {
      messages.set(key(task), message);
      why.textContent = message;
    });
  }
  // Without a gate that held it back, publishing may have failed once the release was out.
  const held = told.failed_gates.length && !told.override;
  const what = task.id !== "publish" || held ? say("Nothing was published.")
    : say("The list of releases shows whether it was published anyway.");
  return notice("bad", [say("The step “{step}” failed.", { step: nameOf(task) }), " ", what], why,
    label((task.id === "publish" && !told.failed_gates.length ? ANY_REMEDY : REMEDIES[stepOf(task)] ?? ANY_REMEDY)),
    airflowLink(`dags/${dag}/runs/${run}/tasks/${task.id}`, say("See the log")));
}

const key = (task) => `${task.id} ${task.try_number}`;

// The library's own message, from Airflow's log, by the reader's own right to it. What follows the
// first line of a gate's message says by how much: that stays in the log.
async function readMessage(task) {
  try {
    const path = `api/v2/dags/${dag}/dagRuns/${run}/taskInstances/${task.id}/logs/${task.try_number}`;
    const { content } = await ask(new URL(path, AIRFLOW), { headers: { Accept: "application/json" } });
    const errors = content.flatMap((line) => line.error_detail ?? []);
    const message = String(errors.at(-1)?.exc_value ?? "");
    return message.startsWith("held back by") ? message.split("\n")[0] : message || "–";
  } catch (error) {
    return error.status === 403 ? "–" : error.message;
  }
}

function heldBack(told, failed) {
  if (!told.failed_gates.length || !(told.dry_run || failed.length)) return null;
  return notice("warn", told.dry_run
    ? say("These gates would stop the release:")
    : say("These gates stopped the release:"),
  el("ul", {}, told.failed_gates.map((gate) => el("li", {}, el("b", {}, label(gate.label)), " ", el("code", {}, gate.gate), el("br"), label(gate.remedy)))),
  say("The exact figures are in the restricted area (internal.html). A reason can override an attack, never a floor or a rule."));
}

function waiting(told) {
  if (!told.lake_answers) {
    return notice("warn", say("The lake does not answer: the training and the gates cannot be shown now."));
  }
  if (told.dry_run && told.candidate) {
    return notice("info", say("Dry run: nothing was published."),
      say("The candidate is in the restricted area, for those who may read it:"), el("code", {}, told.candidate));
  }
  const retry = told.tasks.find((task) => task.state === "up_for_retry");
  if (retry) {
    return notice("warn", say("“{step}” will be tried again by itself.", { step: nameOf(retry) }),
      retry.id === "train" && say("It continues from its last checkpoint."));
  }
  const file = told.tasks.find((task) => task.id === "wait_for_file");
  if (file && ["deferred", "up_for_reschedule"].includes(file.state)) {
    return notice("info", say("Waiting for the file of {period}.", { period: told.period }));
  }
  return null;
}

// --- the training under way ----------------------------------------------------------------------

function trainingView(told) {
  const task = told.tasks.find((one) => stepOf(one) === "train");
  const live = told.progress;
  if (!live || !task?.state || told.published) return null;
  const going = task.state === "running" && !live.done;
  const cards = [
    [text("Epoch"), say("{epoch} of {epochs}", { epoch: live.epoch, epochs: live.of })],
    going ? [text("Time left"), duration(live.seconds_left)] : [text("Took"), duration(live.seconds)],
    [text("Held-out score"), fine(live.score)],
    [text("Generator loss"), fine(live.generator_loss)],
    [text("Critic loss"), fine(live.critic_loss)],
    [text("Rows per second"), live.rows_per_second == null ? "–" : figure(live.rows_per_second)],
  ];
  const line = (kind, name, title) => ({ kind, label: title, points: live.curve.map((p) => [p.epoch - live.curve[0].epoch, p[name], `${p.epoch}: ${p[name]}`]) });
  const first = live.curve[0].epoch;
  const ticks = Array.from({ length: live.curve.at(-1).epoch - first + 1 }, (_, at) => String(first + at));
  const width = room(main, main.clientWidth > 760 ? 1 : 0);
  const charts = [
    lineChart({ ticks, series: [line("one", "score", text("Held-out score"))], most: 1, width,
      name: text("Held-out score by epoch") }),
    lineChart({ ticks, series: [line("two", "generator_loss", text("Generator loss")), line("three", "critic_loss", text("Critic loss"))],
      width, name: text("Losses by epoch") }),
  ];
  return el("section", { class: "training" }, el("h2", {}, going ? say("Training") : say("Training")),
    named(el("progress", { max: live.of, value: live.done ? live.of : live.epoch }), text("Progress of the training")),
    el("ul", { class: "cards" }, cards.map(([title, value]) => el("li", {}, label(title), el("b", {}, value)))),
    el("div", { class: "charts" }, charts.filter(Boolean)));
}

const fine = (value) => (value == null ? "–" : figure(value, { minimumFractionDigits: 3, maximumFractionDigits: 3 }));

follow();
