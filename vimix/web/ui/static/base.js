// What the other scripts stand on: the parts of the page, words, units, and small helpers for the DOM.
// Everything a visitor can influence (file names, errors) is set as text or as an attribute, never as markup.
(() => {
  if (window.vimix) return;

  const version = new URL(document.currentScript?.src || location.href).search;
  const parts = {};
  const waiting = [];
  const PARTS = ["head", "start", "film", "card", "stage"];

  const vimix = (window.vimix = {
    words: {},
    facts: null,
    language: "en",
    parts,

    // Each part of the page reports here when its skeleton stands.
    part(name, element) {
      parts[name] = element;
      if (vimix.facts) vimix.fill(element);
      if (vimix.facts && PARTS.every((each) => parts[each])) waiting.splice(0).forEach((done) => done());
    },

    standing(done) {
      waiting.push(done);
      if (PARTS.every((each) => parts[each])) waiting.splice(0).forEach((each) => each());
    },

    t(key, values = {}) {
      const text = vimix.words[key];
      if (text === undefined) throw Error(`no words for ${key}`);
      return text.replaceAll(" ·", "\u00a0·").replace(/\{(\w+)\}/g, (_, name) => values[name] ?? ""); // no line begins with a dot
    },

    fill(element, values = {}) {
      for (const node of element.querySelectorAll("[data-t]")) node.textContent = vimix.t(node.dataset.t, values);
      for (const node of element.querySelectorAll("[data-label]")) {
        const text = vimix.t(node.dataset.label, values);
        node.setAttribute("aria-label", text);
        if (node.tagName === "BUTTON") node.title = text;
      }
    },
  });

  // The element with that id, and a new element with attributes, text and children.
  vimix.$ = (id) => document.getElementById(`vx-${id}`);
  vimix.make = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  };
  vimix.show = (node, shown) => {
    node.hidden = !shown;
  };
  // Setting equal text again would make a screen reader speak again.
  vimix.say = (node, text) => {
    if (node.textContent !== text) node.textContent = text;
  };

  const number = (value, digits = 0) =>
    new Intl.NumberFormat(vimix.language, { maximumFractionDigits: digits, minimumFractionDigits: digits }).format(value);
  vimix.number = number;
  vimix.size = (bytes) => {
    if (bytes == null) return "";
    if (bytes < 1e3) return `${number(bytes)}\u00a0B`;
    if (bytes < 1e6) return `${number(bytes / 1e3)}\u00a0KB`;
    return `${number(bytes / 1e6, bytes < 1e8 ? 1 : 0)}\u00a0MB`;
  };
  vimix.time = (seconds) => {
    let [unit, n] = ["min", number(Math.round(seconds / 60))];
    if (seconds < 90) [unit, n] = ["sec", number(Math.max(1, Math.round(seconds)))];
    if (seconds < 10 && seconds % 1 > 0.05) n = number(seconds, 1);
    return vimix.t(unit, { n }).replace(" ", "\u00a0");
  };
  vimix.clock = (seconds) => {
    const minutes = Math.floor(seconds / 60);
    return `${minutes}:${(seconds % 60).toFixed(1).padStart(4, "0")}`;
  };
  vimix.when = (moment) => {
    const then = new Date(moment * 1000);
    const days = Math.round((new Date(then).setHours(0, 0, 0, 0) - new Date().setHours(0, 0, 0, 0)) / 864e5);
    const clock = new Intl.DateTimeFormat(vimix.language, { hour: "numeric", minute: "2-digit" }).format(then);
    return `${new Intl.RelativeTimeFormat(vimix.language, { numeric: "auto" }).format(days, "day")} ${clock}`;
  };

  // What is remembered in this browser; a page in somebody's iframe may have no memory, and works without.
  vimix.memory = {
    get(key, otherwise) {
      try {
        return JSON.parse(localStorage.getItem(`vimix.${key}`)) ?? otherwise;
      } catch {
        return otherwise;
      }
    },
    set(key, value) {
      try {
        localStorage.setItem(`vimix.${key}`, JSON.stringify(value));
      } catch {
        // no memory here
      }
    },
  };

  vimix.still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  vimix.query = new URLSearchParams(location.search);
  vimix.embedded = vimix.query.get("view") === "embed";

  // A sentence of the server, in the page's language: page/es.json has them by pattern, and what fills a blank may
  // itself be one of them. What is not found there is shown as it came.
  let sentences = [];
  vimix.said = (text) => {
    if (!text || !sentences.length) return text || "";
    for (const [pattern, ours] of sentences) {
      const found = text.match(pattern);
      if (!found) continue;
      let at = 0;
      return ours.replace(/\{\}/g, () => filled(found[++at]));
    }
    return text.includes("; ") ? text.split("; ").map(vimix.said).join("; ") : text;
  };
  const filled = (text) => (/^\d+\.\d+$/.test(text) ? new Intl.NumberFormat(vimix.language).format(text) : vimix.said(text));
  async function learn(language) {
    const known = Object.entries(await (await fetch(`page/${language}.json${version}`)).json());
    const literal = (text) => text.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replaceAll("{}", "(.*?)");
    sentences = known.sort(([one], [other]) => other.length - one.length);
    sentences = sentences.map(([text, ours]) => [RegExp(`^${literal(text).replace(/\\\.$/, "")}\\.?$`, "s"), ours]);
  }

  // The language: asked for in the address, chosen here before, or the browser's.
  vimix.speak = (words) => {
    const known = Object.keys(words);
    const wished = [vimix.query.get("lang"), vimix.memory.get("language"), navigator.language];
    vimix.language = wished.map((each) => (each || "").slice(0, 2)).find((each) => known.includes(each)) || "en";
    vimix.words = words[vimix.language];
    document.documentElement.lang = vimix.language;
    if (vimix.language !== "en") learn(vimix.language).catch(() => {});
  };
})();
