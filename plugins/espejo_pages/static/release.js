import { el, languageButton, ROOT, say, trouble } from "./common.js";
import { releaseView } from "./view.js";

const main = document.getElementById("main");
const address = location.href.split(/[?#]/)[0];
const back = el("header", {},
  el("a", { href: new URL("releases", ROOT).href }, "← ", say("Synthetic releases")), languageButton());
try {
  main.replaceChildren(back, el("h1", { class: "quiet" }, say("Release of {period}", { period: decodeURIComponent(address.split("/").at(-2)) })), await releaseView(address));
} catch (error) {
  main.replaceChildren(back, trouble(error));
}
main.removeAttribute("aria-busy");
