import {
  addressOf, airflowLink, AIRFLOW, ask, badge, duration, el, figure, label, languageButton, named, notice, say, trouble,
  usesLine,
} from "./common.js";
import { lineChart, room } from "./chart.js";
import { releaseView } from "./view.js";

const main = document.getElementById("main");
const [dag, run] = location.pathname.split("/").slice(-2);
const here = location.href.split(/[?#]/)[0];
const BETWEEN = 2000; // ms, while the run is going
const OVER = new Set(["success", "failed"]);

const STEPS = {
  plan: ["Plan", "Plan"],
  wait_for_file: ["Esperar el archivo", "Wait for the file"],
  open_scratch: ["Abrir el área de paso", "Open scratch"],
  ingest: ["Leer", "Ingest"],
  validate: ["Validar", "Validate"],
  close_scratch: ["Cerrar el área de paso", "Close scratch"],
  protect: ["Proteger", "Protect"],
  train: ["Entrenar", "Train"],
  sample: ["Muestrear", "Sample"],
  evaluate: ["Calificar", "Evaluate"],
  disclose: ["Atacar", "Disclose"],
  report: ["Informar", "Report"],
  publish: ["Publicar", "Publish"],
};
const STATES = {
  success: ["good", "hecho", "done"],
  running: ["info", "en marcha", "running"],
  failed: ["bad", "falló", "failed"],
  up_for_retry: ["warn", "se intentará de nuevo", "will be tried again"],
  up_for_reschedule: ["info", "en espera", "waiting"],
  deferred: ["info", "en espera", "waiting"],
  queued: ["info", "en cola", "queued"],
  scheduled: ["info", "en cola", "queued"],
  restarting: ["info", "reinicia", "restarting"],
  skipped: ["gone", "omitido", "skipped"],
  upstream_failed: ["gone", "no se hizo", "not done"],
  removed: ["gone", "quitado", "removed"],
};
const REMEDIES = {
  plan: ["Corrija los parámetros y dispare de nuevo.", "Mend the parameters and trigger again."],
  wait_for_file: ["Ponga el único archivo del periodo en el área de origen y limpie (Clear) esta tarea.",
    "Put the period's one file into the raw place and clear this task."],
  ingest: ["Corrija el archivo o la especificación, y dispare de nuevo.", "Mend the file or the spec, and trigger again."],
  validate: ["Corrija el archivo o la especificación, y dispare de nuevo.", "Mend the file or the spec, and trigger again."],
  disclose: ["Si se agotaron los intentos, averigüe por qué fallaron y dispare de nuevo con un motivo; si no, limpie (Clear) la tarea.",
    "If the attempts are used up, find out why they failed and trigger again with a reason; otherwise clear the task."],
  publish: ["Si lo detuvo una prueba, cambie una sola cosa y dispare de nuevo: limpiar la tarea da la misma respuesta.",
    "If a gate held it back, change one thing and trigger again: clearing the task gives the same answer."],
};
const ANY_REMEDY = ["Cuando la causa esté resuelta, limpie (Clear) la tarea: la corrida sigue desde lo que ya está hecho.",
  "When the cause is mended, clear the task: the run goes on from what is done."];

const status = el("div", { role: "status" });
const outcome = el("div", {});
const training = el("div", {});
const steps = el("ol", { class: "steps" });
const details = el("details", { class: "panel", open: true }, el("summary", {}, say("Pasos", "Steps")), steps);
const release = el("div", {});
const messages = new Map(); // of failed attempts, by task and try: asked for once
let shownRelease = null;

main.replaceChildren(el("header", {}, el("h1", { class: "quiet" }, say("Publicación de esta corrida", "Release of this run")), languageButton()),
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
  return notice("info", say("Este DAG no hace publicaciones sintéticas.", "This DAG makes no synthetic releases."),
    say("La pestaña es de las corridas de <encuesta>_synthesis.", "The tab is for runs of <survey>_synthesis."));
}

function draw(told) {
  const failed = told.tasks.filter((task) => task.state === "failed");
  const [kind, es, en] = told.state === "success" && told.dry_run ? ["info", "Ensayo terminado", "Dry run done"]
    : told.state === "success" ? ["good", "Terminada", "Done"]
      : told.state === "failed" ? ["bad", "Falló", "Failed"]
        : told.state === "queued" ? ["info", "En cola", "Queued"] : ["info", "En marcha", "Under way"];
  keep(status, [el("p", { class: "line" }, badge(kind, say(es, en)), el("span", { class: "sub" },
    say("Periodo ", "Period "), told.period ?? "–", told.release && [" · ", el("code", {}, told.release)]))]);
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

// Only if it says something else than before: what is read aloud is not read twice.
function keep(node, parts) {
  const next = el("div", {}, parts.filter(Boolean));
  if (node.textContent !== next.textContent) node.replaceChildren(...next.childNodes);
}

function step(task) {
  const [es, en] = STEPS[task.id] ?? [task.id, task.id];
  const [kind, spanish, english] = STATES[task.state] ?? ["none", "por hacer", "to do"];
  const tries = task.try_number > 1 && el("span", { class: "sub" }, say(`intento ${task.try_number} de ${task.most_tries}`, `try ${task.try_number} of ${task.most_tries}`));
  return el("li", { class: kind }, el("span", { class: "step" }, say(es, en)), badge(kind, say(spanish, english)),
    task.try_number > 0 && task.seconds != null && el("span", { class: "sub" }, duration(task.seconds)), tries,
    task.try_number > 0 && airflowLink(`dags/${dag}/runs/${run}/tasks/${task.id}`, say("registro", "log")));
}

// --- why it failed, and what to do ---------------------------------------------------------------

function failure(task, told) {
  const [es, en] = STEPS[task.id] ?? [task.id, task.id];
  const text = el("pre", {}, messages.get(key(task)) ?? "…");
  if (!messages.has(key(task))) {
    messages.set(key(task), "…");
    readMessage(task).then((message) => {
      messages.set(key(task), message);
      text.textContent = message;
    });
  }
  // Without a gate that held it back, publishing may have failed once the release was out.
  const held = told.failed_gates.length && !told.override;
  const what = task.id !== "publish" || held ? say("No se publicó nada.", "Nothing was published.")
    : say("La lista de publicaciones dice si llegó a publicarse.", "The list of releases says whether it was published all the same.");
  return notice("bad", [say(`El paso «${es}» falló. `, `The step “${en}” failed. `), what], text,
    say(...(task.id === "publish" && !told.failed_gates.length ? ANY_REMEDY : REMEDIES[task.id] ?? ANY_REMEDY)),
    airflowLink(`dags/${dag}/runs/${run}/tasks/${task.id}`, say("Ver el registro", "See the log")));
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
    ? say("Estas pruebas detendrían la publicación:", "These gates would hold the release back:")
    : say("Estas pruebas detuvieron la publicación:", "These gates held the release back:"),
  el("ul", {}, told.failed_gates.map((gate) => el("li", {}, el("b", {}, label(gate.label)), " ", el("code", {}, gate.gate), el("br"), gate.remedy))),
  say("Por cuánto, está en el área restringida (internal.html). Un motivo puede pasar una prueba de ataque, nunca un piso ni una regla.",
    "By how much is in the restricted area (internal.html). A reason may override an attack, never a floor or a rule."));
}

function waiting(told) {
  if (told.dry_run && told.candidate) {
    return notice("info", say("Ensayo: no se publicó nada.", "Dry run: nothing was published."),
      say("La candidata está en el área restringida, para quien puede leerla:", "The candidate is in the restricted area, for those who may read it:"), el("code", {}, told.candidate));
  }
  const retry = told.tasks.find((task) => task.state === "up_for_retry");
  if (retry) {
    const [es, en] = STEPS[retry.id] ?? [retry.id, retry.id];
    return notice("warn", say(`«${es}» se intentará de nuevo por sí solo.`, `“${en}” will be tried again by itself.`),
      retry.id === "train" && say("Sigue desde su último punto guardado.", "It goes on from its last checkpoint."));
  }
  const file = told.tasks.find((task) => task.id === "wait_for_file");
  if (file && ["deferred", "up_for_reschedule"].includes(file.state)) {
    return notice("info", say(`Se espera el archivo de ${told.period}.`, `Waiting for the file of ${told.period}.`));
  }
  return null;
}

// --- the training under way ----------------------------------------------------------------------

function trainingView(told) {
  const task = told.tasks.find((one) => one.id === "train");
  const live = told.progress;
  if (!live || !task?.state || told.published) return null;
  const going = task.state === "running" && !live.done;
  const cards = [
    [["Época", "Epoch"], say(`${live.epoch} de ${live.of}`, `${live.epoch} of ${live.of}`)],
    going ? [["Falta", "Time left"], duration(live.seconds_left)] : [["Duró", "Took"], duration(live.seconds)],
    [["Calificación con hogares aparte", "Held-out score"], fine(live.score)],
    [["Pérdida del generador", "Generator loss"], fine(live.generator_loss)],
    [["Pérdida del crítico", "Critic loss"], fine(live.critic_loss)],
    [["Filas por segundo", "Rows per second"], live.rows_per_second == null ? "–" : figure(live.rows_per_second)],
  ];
  const line = (kind, name, es, en) => ({ kind, label: { es, en }, points: live.curve.map((p) => [p.epoch - live.curve[0].epoch, p[name], `${p.epoch}: ${p[name]}`]) });
  const first = live.curve[0].epoch;
  const ticks = Array.from({ length: live.curve.at(-1).epoch - first + 1 }, (_, at) => String(first + at));
  const width = room(main, main.clientWidth > 760 ? 1 : 0);
  const charts = [
    lineChart({ ticks, series: [line("one", "score", "Calificación con hogares aparte", "Held-out score")], most: 1, width,
      es: "Calificación con hogares aparte, por época", en: "Held-out score by epoch" }),
    lineChart({ ticks, series: [line("two", "generator_loss", "Pérdida del generador", "Generator loss"), line("three", "critic_loss", "Pérdida del crítico", "Critic loss")],
      width, es: "Pérdidas por época", en: "Losses by epoch" }),
  ];
  return el("section", { class: "training" }, el("h2", {}, going ? say("Entrenando", "Training") : say("Entrenamiento", "Training")),
    named(el("progress", { max: live.of, value: live.done ? live.of : live.epoch }), "Avance del entrenamiento", "Progress of the training"),
    el("ul", { class: "cards" }, cards.map(([[es, en], value]) => el("li", {}, say(es, en), el("b", {}, value)))),
    el("div", { class: "charts" }, charts.filter(Boolean)));
}

const fine = (value) => (value == null ? "–" : figure(value, { minimumFractionDigits: 3, maximumFractionDigits: 3 }));

follow();
