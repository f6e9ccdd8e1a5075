(function () {
  "use strict";
  var languages = ["es", "en"];

  // --- language: the browser's, or the one chosen last; storage may be forbidden ------------------
  function remember(value) {
    try { localStorage.setItem("report-language", value); } catch (error) { /* sandboxed */ }
  }
  function remembered() {
    try { return localStorage.getItem("report-language"); } catch (error) { return null; }
  }
  function show(language) {
    document.getElementById("language-" + language).checked = true;
    document.documentElement.lang = language;
    document.title = document.body.getAttribute("data-title-" + language);
  }
  languages.forEach(function (language) {
    document.getElementById("language-" + language).addEventListener("change", function () {
      show(language);
      remember(language);
    });
  });
  var wanted = remembered() || (navigator.language || "es").slice(0, 2);
  show(languages.indexOf(wanted) < 0 ? "en" : wanted);

  // --- in a frame: the language and the colours of the page around it -----------------------------
  function paint(theme) {
    document.documentElement.style.colorScheme = theme || "";
    Array.prototype.forEach.call(document.styleSheets[0].cssRules, function (rule) {
      if (!rule.media || !/prefers-color-scheme|^(screen|not all)$/.test(rule.media.mediaText)) return;
      rule.media.mediaText = !theme ? "(prefers-color-scheme: dark)" : theme === "dark" ? "screen" : "not all";
    });
  }
  window.addEventListener("message", function (event) {
    var told = event.data || {};
    if (event.source !== window.parent || event.source === window) return;
    if (languages.indexOf(told.language) >= 0) show(told.language);
    paint(["light", "dark"].indexOf(told.theme) < 0 ? null : told.theme);
  });

  // --- pairs: a grid that is entered by tab and walked by arrows ----------------------------------
  var drill = document.getElementById("drill");
  function rowOf(pair) {
    var ends = pair.split("-");
    return document.querySelector('[data-row="' + pair + '"]') ||
      document.querySelector('[data-row="' + ends[1] + "-" + ends[0] + '"]');
  }
  function choose(cell) {
    document.querySelectorAll(".map .chosen").forEach(function (old) {
      old.classList.remove("chosen");
    });
    var pair = cell.getAttribute("data-pair"), row = rowOf(pair);
    if (!row) return;
    document.querySelectorAll('[data-pair="' + pair + '"]').forEach(function (same) {
      same.classList.add("chosen");
    });
    var heads = row.closest("table").querySelectorAll("thead th");
    var list = document.createElement("dl");
    row.querySelectorAll("td").forEach(function (value, place) {
      var name = document.createElement("dt"), figure = document.createElement("dd");
      name.innerHTML = heads[place + 1].innerHTML;
      figure.innerHTML = value.innerHTML;
      list.append(name, figure);
    });
    var title = document.createElement("h3");
    title.innerHTML = row.querySelector("th").innerHTML;
    drill.replaceChildren(title, list);
  }
  document.querySelectorAll("table.map").forEach(function (table) {
    var cells = table.querySelectorAll("td[data-pair]");
    cells.forEach(function (cell, place) {
      cell.tabIndex = place ? -1 : 0;
      cell.addEventListener("click", function () { enter(cell); });
      cell.addEventListener("focus", function () { choose(cell); });
    });
    function enter(cell) {
      cells.forEach(function (other) { other.tabIndex = other === cell ? 0 : -1; });
      cell.focus({ preventScroll: true });
      choose(cell);
    }
    table.addEventListener("keydown", function (event) {
      var steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
      var step = steps[event.key], here = event.target.closest("td[data-pair]");
      if (!step || !here) return;
      event.preventDefault();
      var at = here.getAttribute("data-pair").split("-").map(Number), next;
      do {
        at = [at[0] + step[0], at[1] + step[1]];
        next = table.querySelector('[data-pair="' + at.join("-") + '"]');
      } while (!next && at[0] === at[1]);
      if (next) enter(next);
    });
  });

  // --- paper shows what the screen folds ----------------------------------------------------------
  var folded = [];
  window.addEventListener("beforeprint", function () {
    var parts = document.querySelectorAll("#indicators details, #dictionary details, #places details");
    folded = Array.prototype.filter.call(parts, function (part) { return !part.open; });
    folded.forEach(function (part) { part.open = true; });
  });
  window.addEventListener("afterprint", function () {
    folded.forEach(function (part) { part.open = false; });
  });
})();
