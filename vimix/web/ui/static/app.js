// One thing at a time: which screen is shown, which job is looked at, and what the parent window is told.
(() => {
  const { $, show, say } = vimix;
  let trigger = null;
  let job = null; // the job that is looked at
  let list = null; // the list of clips that is looked at
  let again_of = null; // {list, job}: the clip of a list that is cut out anew
  let poll = 0;
  let ready = null;
  const loaded = new Promise((done) => (ready = done));
  vimix.loaded = () => ready();
  if (window.vimixLoaded) ready(); // Gradio was there before us

  vimix.boot = (props, server, fire, watch) => {
    Object.assign(vimix, { facts: props.facts, server: vimix.answering(server) });
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
      $("to-list").addEventListener("click", () => vimix.open_list(vimix.history.list_of(job)));
      $("cancel-all").addEventListener("click", () => cancel_list($("cancel-all")));
      loaded.then(begin);
    });
  };

  const HEADINGS = { setup: "your_clip", run: "removing", done: "result" };
  vimix.screen = (name) => {
    const before = document.body.dataset.vx;
    document.body.dataset.vx = name;
    const options = document.querySelector("#vx-options");
    if (options) options.inert = name === "run"; // what is chosen then would change nothing
    vimix.motion?.(name === "start");
    if (before === name) return;
    if ($("stage").getBoundingClientRect().top < 0) scrollTo({ top: 0 }); // the picture is what is looked at
    const go = document.querySelector("#vx-go");
    if (go) say(go, vimix.t(name === "run" ? "removing" : "o_go"));
    say($("screen-title"), name === "start" ? "" : vimix.t(HEADINGS[name]));
    show($("screen-title"), name !== "start");
    if (before) ({ start: $("title"), done: $("card-title") }[name] || $("screen-title")).focus({ preventScroll: true });
    if (name === "start") vimix.recent();
    if (name === "start" || name === "setup") vimix.tabTitle(null);
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
    const last = vimix.history.mine()[0];
    if (!address_asks() && last && last.live && !vimix.embedded) return vimix.open(last.job, "replace");
    arrive();
  }

  // That the line broke is said by Gradio, in English and over our header: here it is said by us.
  function listen() {
    const lost = [...document.querySelectorAll(".toast-body")].some((each) => each.textContent.includes("Attempting reconnection"));
    if (document.body.classList.contains("vx-away") === lost) return;
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

  // The address says what is looked at, so that back, forward, reload and a copied link all lead there.
  const asked_for = () => new URLSearchParams(location.search);
  const address_asks = () => asked_for().get("job") || vimix.history.list(asked_for().get("list"));

  function address(what, how = "push") {
    const url = new URL(location.href);
    for (const key of ["job", "list"]) what[key] ? url.searchParams.set(key, what[key]) : url.searchParams.delete(key);
    if (how === "push" && (url.href !== location.href || (history.state?.vx || "start") !== what.vx)) history.pushState({ vx: what.vx }, "", url);
    else if (how !== "none") history.replaceState({ vx: what.vx }, "", url);
  }

  function arrive() {
    const asked = asked_for();
    if (asked.get("job")) return vimix.open(asked.get("job"), "none");
    if (vimix.history.list(asked.get("list"))) return vimix.open_list(asked.get("list"), "none");
    if (history.state?.vx === "setup" && vimix.clip.clips.length) return setup("none");
    vimix.fresh("none");
  }
  addEventListener("popstate", () => arrive());

  function leave() {
    if (job) trigger("leave");
    job = list = null;
    clearTimeout(poll);
  }

  // Everything the server sends comes through here.
  function receive(value) {
    if (!value) return;
    if (value.kind === "tickets") return tickets(value.tickets);
    if (value.kind === "job" && value.job === job) return look(value);
    if (value.kind === "error" && (!value.job || value.job === job)) return trouble(value);
  }

  function tickets(rows) {
    vimix.sending(false);
    rows.forEach((row, place) => !row.parent && vimix.clip.all[place] && (vimix.clip.all[place].job = row.job));
    const made = rows.filter((row) => row.job);
    vimix.history.remember(made.map((row) => ({ ...row, at: Date.now(), live: true })));
    if (rows.length > 1) {
      const key = rows.find((row) => row.job)?.job || String(Date.now());
      vimix.history.keep_list(key, rows.map(({ job: id, name, error }) => (id ? { job: id, name } : { name, error })));
      return vimix.open_list(key);
    }
    if (rows[0].error) return trouble({ error: rows[0].error });
    if (again_of && !rows[0].parent) vimix.history.replace(again_of.list, again_of.job, { job: rows[0].job, name: rows[0].name });
    again_of = null;
    vimix.open(rows[0].job);
  }

  function trouble(value) {
    vimix.sending(false);
    if (value.gone && value.job) {
      vimix.history.settle(value.job);
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
  vimix.failed_to_send = (error) => trouble({ error });

  vimix.open = (id, how) => {
    leave();
    job = id;
    address({ vx: "job", job: id }, how);
    const known = vimix.history.name(id);
    if (known) vimix.clipName(known);
    trigger("open", { job: id, turn: Math.random() }); // an answer equal to the last one would not be seen
    vimix.screen("run");
    vimix.running({ state: "queued", done: 0 });
  };

  function look(view) {
    if (view.name) vimix.clipName(view.name);
    vimix.tabTitle(view);
    if (vimix.live(view)) {
      if (document.body.dataset.vx !== "run") vimix.screen("run");
      vimix.running(view);
      show($("cancel"), Boolean(vimix.token(job)));
      return tell("progress", { job, state: view.state, done: view.done, total: view.total, left: view.left });
    }
    vimix.history.settle(job);
    if (view.url) vimix.finished(view);
    else vimix.emptied(view.preview);
    vimix.card(view);
    show($("again"), Boolean(vimix.token(job)) || Boolean(own_clip()));
    show($("to-list"), Boolean(vimix.history.list_of(job)));
    vimix.screen("done");
    $("cancel").disabled = false;
    say($("cancel"), vimix.t("cancel"));
    const url = view.url && new URL(view.url, document.baseURI).href;
    if (view.state === "done") tell("done", { job, url, card: view.card, mime: view.mime, name: view.save_as });
    else tell("error", { job, message: view.error || view.state });
  }

  vimix.go = () => document.querySelector("#vx-go").click();

  vimix.began = () => {
    vimix.screen("run");
    vimix.running({ state: "queued", done: 0 });
    show($("cancel"), false);
  };

  addEventListener("click", async (event) => {
    if (!event.target.closest("#vx-cancel")) return;
    const button = $("cancel");
    button.disabled = true;
    say(button, vimix.t("cancelling"));
    const answer = await vimix.server.stop({ job, token: vimix.token(job) });
    if (answer.kind !== "error") return receive(answer);
    button.disabled = false;
    say(button, vimix.t("cancel"));
    vimix.tell_small(answer.error);
  });

  // The clip of the job that is looked at, where this page has sent it.
  const own_clip = () => vimix.clip.all.find((clip) => clip.job && clip.job === vimix.history.root(job));

  vimix.again = async () => {
    const id = job ? vimix.history.root(job) : null;
    if (!id) return setup("push"); // it was refused before it became a job
    const [known, of] = [own_clip(), vimix.history.list_of(id)];
    const answer = known || !vimix.token(id) ? null : await vimix.server.reuse({ job: id, token: vimix.token(id) });
    if (answer?.kind === "error") return vimix.cardError(answer.error);
    trigger("again", { job: id });
    again_of = of ? { list: of, job: id } : null;
    leave();
    vimix.choose([known || { ...answer, job: id }]);
  };

  function setup(how) {
    leave();
    address({ vx: "setup" }, how);
    vimix.setup(vimix.clip.clips[0], vimix.clip.film);
    vimix.screen("setup");
  }
  vimix.at_setup = () => {
    leave();
    address({ vx: "setup" });
    vimix.screen("setup");
  };

  vimix.fresh = (how) => {
    leave();
    again_of = null;
    address({ vx: "start" }, how);
    vimix.fault("");
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
    for (const row of answer.tickets) row.parent = from;
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
    vimix.history.forget(id);
    vimix.fresh();
  };

  vimix.quality = () => document.querySelector("#vx-quality input:checked")?.value;
  vimix.choose_look = (name) => {
    const places = { fast: 0, balanced: 1, best: 2 };
    document.querySelectorAll("#vx-quality input[type=radio]")[places[name]]?.click();
    for (const each of $("looks").children) each.setAttribute("aria-pressed", each.dataset.look === name);
  };

  // Several clips: how each stands, and the newest result on the stage.
  vimix.open_list = (key, how) => {
    leave();
    list = key;
    address({ vx: "list", list: key }, how);
    many(key);
  };

  async function many(key) {
    const rows = vimix.history.list(key) || [];
    const answer = await vimix.server.jobs({ jobs: rows.filter((row) => row.job).map((row) => row.job) });
    if (list !== key) return;
    if (answer.kind !== "jobs") vimix.tell_small(answer.error);
    else vimix.list_card(rows.map((row) => line(row, answer.jobs)), vimix.clear_card);
    const made = (answer.jobs || []).filter((each) => each.picture);
    vimix.emptied(made.length ? `r/${made.at(-1).job}/frame.webp` : vimix.clip.film?.poster);
    show($("to-list"), false);
    vimix.screen("done");
    if (answer.kind !== "jobs" || answer.jobs.some(vimix.live)) poll = setTimeout(() => many(key), 1000);
  }

  function line(row, answers) {
    if (!row.job) return { ...row, state: "failed" };
    const found = answers.find((each) => each.job === row.job) || { job: row.job, state: "expired" };
    const token = vimix.token(row.job);
    const cancel = vimix.live(found) && token ? () => stop(row.job, token) : null;
    return { ...found, name: row.name, cancel };
  }

  async function stop(id, token) {
    const answer = await vimix.server.stop({ job: id, token });
    if (answer.kind === "error") vimix.tell_small(answer.error);
    return answer.kind !== "error";
  }

  async function cancel_list(button) {
    button.disabled = true;
    for (const row of vimix.history.list(list) || []) {
      const token = row.job && vimix.token(row.job);
      if (token && !(await stop(row.job, token))) break;
    }
    button.disabled = false;
  }

  // The page around an iframe is told three things, and an error.
  function tell(what, detail) {
    if (parent !== window) parent.postMessage({ type: `vimix:${what}`, ...detail }, vimix.facts.parent_origin || "*");
  }
})();
