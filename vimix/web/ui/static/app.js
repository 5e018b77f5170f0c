// One thing at a time: which screen is shown, which job is looked at, and what the parent window is told.
(() => {
  const { $, show, say } = vimix;
  let trigger = null;
  let job = null; // the job that is looked at
  let batch = [];
  let poll = 0;
  let ready = null;
  const loaded = new Promise((done) => (ready = done));
  vimix.loaded = () => ready();
  if (window.vimixLoaded) ready(); // Gradio was there before us

  vimix.boot = (props, server, fire, watch) => {
    Object.assign(vimix, { facts: props.facts, server });
    trigger = fire;
    vimix.speak(props.facts.words);
    Object.values(vimix.parts).forEach((part) => vimix.fill(part));
    document.documentElement.classList.toggle("vx-embedded", vimix.embedded);
    watch("value", () => receive(props.value));
    vimix.standing(() => {
      head();
      vimix.startPart();
      vimix.filmPart();
      vimix.stagePart();
      vimix.cardPart();
      loaded.then(begin);
    });
  };

  vimix.screen = (name) => {
    const other = document.body.dataset.vx !== name;
    document.body.dataset.vx = name;
    if (other && $("stage").getBoundingClientRect().top < 0) scrollTo({ top: 0 }); // the picture is what is looked at
    const go = document.querySelector("#vx-go");
    if (go) say(go, vimix.t(name === "run" ? "removing" : "o_go"));
    if (name === "start") recent();
  };

  function begin() {
    // Gradio names each radio differently, which takes the arrow keys away.
    for (const group of document.querySelectorAll(".vx-seg"))
      for (const radio of group.querySelectorAll("input[type=radio]")) radio.name = group.id;
    // And what it tells screen readers of sliders and file choosers is English.
    const options = document.querySelector("#vx-options");
    const rename = () => options.querySelectorAll("[aria-label]").forEach((each) => (each.ariaLabel = vimix.said(each.ariaLabel)));
    new MutationObserver(rename).observe(options, { childList: true, subtree: true });
    new MutationObserver(listen).observe(document.body, { childList: true, subtree: true });
    tell("ready", {});
    const asked = vimix.query.get("job");
    const last = mine()[0];
    if (asked) return vimix.open(asked);
    if (last && last.live && !vimix.embedded) return vimix.open(last.job);
    vimix.screen("start");
  }

  // That the line broke is said by Gradio, in English and over our header: while a clip runs, it is said by us.
  function listen() {
    const lost = [...document.querySelectorAll(".toast-body")].some((each) => each.textContent.includes("Attempting reconnection"));
    document.body.classList.toggle("vx-away", lost);
    if (lost && document.body.dataset.vx === "run") vimix.away();
  }

  function head() {
    const language = vimix.language === "en" ? "es" : "en";
    $("language").lang = language;
    $("language").addEventListener("click", () => {
      vimix.memory.set("language", language);
      vimix.query.delete("lang");
      location.search = vimix.query.toString();
      if (!vimix.query.toString()) location.reload();
    });
    $("nav-api").addEventListener("click", () => vimix.apiSnippet());
    $("nav-embed").addEventListener("click", () => vimix.embedSnippet());
    $("theme").addEventListener("click", () => {
      const dark = document.body.classList.toggle("dark");
      vimix.memory.set("theme", dark ? "dark" : "light");
    });
    vimix.parts.head.querySelector(".vx-home").addEventListener("click", (event) => {
      event.preventDefault();
      vimix.fresh();
    });
  }

  // My jobs of today, in this browser, newest first.
  const mine = () => vimix.memory.get("jobs", []).filter((row) => Date.now() - row.at < vimix.facts.hours * 36e5);
  vimix.token = (id) => mine().find((row) => row.job === id)?.token;
  const remember = (rows) => vimix.memory.set("jobs", [...rows, ...mine().filter((row) => !rows.some((each) => each.job === row.job))].slice(0, 50));
  const settle = (id) => vimix.memory.set("jobs", mine().map((row) => (row.job === id ? { ...row, live: false } : row)));

  async function recent() {
    const rows = mine();
    if (!rows.length || vimix.embedded) return show($("recent"), false);
    const answer = await vimix.server.jobs({ jobs: rows.map((row) => row.job) });
    if (answer.kind !== "jobs") return;
    const lines = answer.jobs.filter((line) => line.state !== "expired").slice(0, 8);
    const names = Object.fromEntries(rows.map((row) => [row.job, row.name]));
    vimix.lines($("recent").querySelector("ul"), lines.map((line) => ({ name: names[line.job], ...line })));
    show($("recent"), lines.length > 0);
    clearTimeout(poll);
    if (document.body.dataset.vx === "start" && lines.some(vimix.live)) poll = setTimeout(recent, 1000);
  }

  // Everything the server sends comes through here.
  function receive(value) {
    if (!value) return;
    if (value.kind === "tickets") return tickets(value.tickets);
    if (value.kind === "job" && value.job === job) return look(value);
    if (value.kind === "error" && (!value.job || value.job === job)) return trouble(value);
  }

  function tickets(rows) {
    go_busy(false);
    remember(rows.map((row) => ({ ...row, at: Date.now(), live: true })));
    batch = rows.length > 1 ? rows : [];
    if (batch.length) return many();
    vimix.open(rows[0].job);
  }

  function trouble(value) {
    go_busy(false);
    if (value.gone && value.job) {
      settle(value.job);
      vimix.emptied(null);
      vimix.gone();
      vimix.screen("done");
    } else if (document.body.dataset.vx === "run" || value.job) {
      vimix.emptied(vimix.clip.film?.poster);
      vimix.trouble(value.error);
      vimix.screen("done");
    }
    tell("error", { message: value.error });
  }

  vimix.open = (id) => {
    if (job) trigger("leave");
    job = id;
    clearTimeout(poll);
    address(id);
    const known = mine().find((row) => row.job === id)?.name;
    if (known) vimix.clipName(known);
    trigger("open", { job: id });
    vimix.screen("run");
    vimix.running({ state: "queued", done: 0 });
  };

  function address(id) {
    const url = new URL(location.href);
    if (id) url.searchParams.set("job", id);
    else url.searchParams.delete("job");
    history.replaceState(null, "", url);
  }

  function look(view) {
    if (view.name) vimix.clipName(view.name);
    if (vimix.live(view)) {
      if (document.body.dataset.vx !== "run") vimix.screen("run");
      vimix.running(view);
      show($("cancel"), Boolean(vimix.token(job)));
      return tell("progress", { job, state: view.state, done: view.done, total: view.total, left: view.left });
    }
    settle(job);
    if (view.url) vimix.finished(view);
    else vimix.emptied(view.preview);
    vimix.card(view);
    vimix.screen("done");
    $("cancel").disabled = false;
    say($("cancel"), vimix.t("cancel"));
    const url = view.url && new URL(view.url, document.baseURI).href;
    if (view.state === "done") tell("done", { job, url, card: view.card, mime: view.mime, name: view.save_as });
    else tell("error", { job, message: view.error || view.state });
  }

  vimix.go = () => document.querySelector("#vx-go").click();
  vimix.busy = () => document.body.dataset.vx === "run" && !confirm_leave();
  const confirm_leave = () => true;

  function go_busy(on) {
    document.body.classList.toggle("vx-sending", on);
  }

  addEventListener("click", async (event) => {
    if (event.target.closest("#vx-go")) {
      go_busy(true);
      vimix.screen("run");
      vimix.running({ state: "queued", done: 0 });
      show($("cancel"), false);
    }
    if (event.target.closest("#vx-cancel")) {
      const button = $("cancel");
      button.disabled = true;
      say(button, vimix.t("cancelling"));
      const answer = await vimix.server.stop({ job, token: vimix.token(job) });
      receive(answer);
    }
  });

  vimix.again = () => {
    if (job) trigger("leave");
    job = null;
    address(null);
    vimix.setup(vimix.clip.clips[0], vimix.clip.film);
    vimix.screen("setup");
  };

  vimix.fresh = () => {
    if (job) trigger("leave");
    job = null;
    batch = [];
    clearTimeout(poll);
    address(null);
    vimix.fault("");
    vimix.clip.clips = [];
    vimix.screen("start");
  };

  vimix.also = async (from, wish, button) => {
    button.disabled = true;
    const answer = await vimix.server.also({ job: from, ...wish });
    button.disabled = false;
    if (answer.kind === "error") {
      vimix.cardError(answer.error);
      return false;
    }
    receive(answer);
    return answer;
  };

  vimix.remove = async (id) => {
    if (!confirm(vimix.t("delete_sure"))) return;
    const answer = await vimix.server.delete({ job: id, token: vimix.token(id) });
    if (answer.kind === "error") return vimix.cardError(answer.error);
    const { [id]: played, ...others } = vimix.memory.get("players", {});
    if (played) await vimix.server.delete({ job: played.job, token: played.token });
    vimix.memory.set("players", others);
    vimix.memory.set("jobs", mine().filter((row) => row.job !== id));
    vimix.fresh();
  };

  vimix.quality = () => document.querySelector("#vx-quality input:checked")?.value;
  vimix.choose_look = (name) => {
    const places = { fast: 0, balanced: 1, best: 2 };
    document.querySelectorAll("#vx-quality input[type=radio]")[places[name]]?.click();
    for (const each of $("looks").children) each.setAttribute("aria-pressed", each.dataset.look === name);
  };

  async function many() {
    if (job) trigger("leave");
    job = null;
    const answer = await vimix.server.jobs({ jobs: batch.map((row) => row.job) });
    if (answer.kind === "jobs") {
      const names = Object.fromEntries(batch.map((row) => [row.job, row.name]));
      vimix.batch(answer.jobs.map((line) => ({ name: names[line.job], ...line })));
      vimix.emptied(vimix.clip.film?.poster);
      vimix.screen("done");
      if (answer.jobs.some(vimix.live)) poll = setTimeout(many, 1000);
    }
  }

  // The page around an iframe is told three things, and an error.
  function tell(what, detail) {
    if (parent !== window) parent.postMessage({ type: `vimix:${what}`, ...detail }, vimix.facts.parent_origin || "*");
  }
})();
