// What was made here today, in this browser: a row a clip, its conversions folded in, and the lists of several clips.
(() => {
  const { $, make, show, say } = vimix;
  let poll = 0;

  // Jobs, newest first; `parent` is the job that another format was made of.
  const mine = () => vimix.memory.get("jobs", []).filter((row) => Date.now() - row.at < vimix.facts.hours * 36e5);
  const row_of = (id) => mine().find((row) => row.job === id);
  const root = (id) => {
    for (let row = row_of(id); row?.parent && row_of(row.parent); row = row_of(row.parent)) id = row.parent;
    return id;
  };
  const history = (vimix.history = {
    mine,
    root,
    name: (id) => row_of(id)?.name,
    remember: (rows) =>
      vimix.memory.set("jobs", [...rows, ...mine().filter((row) => !rows.some((each) => each.job === row.job))].slice(0, 100)),
    settle: (id) => vimix.memory.set("jobs", mine().map((row) => (row.job === id ? { ...row, live: false } : row))),
    forget: (id) => {
      vimix.memory.set("jobs", mine().filter((row) => row.job !== id));
      for (const [key, list] of Object.entries(lists())) keep_list(key, list.rows.filter((row) => row.job !== id));
    },
    family: (id) => mine().filter((row) => root(row.job) === root(id)),
  });
  vimix.token = (id) => row_of(id)?.token;

  // Lists of several clips: `rows` are {job} or, where a clip was refused, {name, error}.
  const lists = () =>
    Object.fromEntries(Object.entries(vimix.memory.get("lists", {})).filter(([, list]) => Date.now() - list.at < vimix.facts.hours * 36e5));
  const keep_list = (key, rows) => vimix.memory.set("lists", { ...lists(), [key]: { at: lists()[key]?.at ?? Date.now(), rows } });
  Object.assign(history, {
    list: (key) => lists()[key]?.rows,
    list_of: (id) => Object.keys(lists()).find((key) => lists()[key].rows.some((row) => row.job === root(id))),
    keep_list,
    // A clip of a list was cut out anew: the new job stands where the old one stood.
    replace: (key, old, rows) => {
      keep_list(key, lists()[key].rows.map((row) => (row.job === old ? rows : row)));
      vimix.memory.set("jobs", mine().map((row) => (row.job === old ? { ...row, replaced: true } : row)));
    },
  });

  vimix.recent = async () => {
    clearTimeout(poll);
    const rows = mine();
    if (!rows.length || vimix.embedded) return show($("recent"), false);
    const answer = await vimix.server.jobs({ jobs: rows.map((row) => row.job).slice(0, 50) });
    if (answer.kind !== "jobs") return document.body.dataset.vx === "start" && vimix.fault(answer.error);
    const known = Object.fromEntries(answer.jobs.filter((line) => line.state !== "expired").map((line) => [line.job, line]));
    const lines = [...singles(rows, known), ...several(known)].sort((one, other) => other.at - one.at).slice(0, 6);
    vimix.lines($("recent").querySelector("ul"), lines);
    show($("recent"), lines.length > 0);
    if (document.body.dataset.vx === "start" && lines.some(vimix.live)) poll = setTimeout(vimix.recent, 1000);
  };

  function singles(rows, known) {
    const families = new Map();
    for (const row of rows) {
      if (!known[row.job] || row.replaced || history.list_of(row.job)) continue;
      const first = root(row.job);
      families.set(first, [...(families.get(first) || []), row]);
    }
    return [...families.values()].map((family) => {
      const lines = family.map((row) => ({ ...known[row.job], name: row.name, at: row.at }));
      const shown = lines.find(vimix.live) || lines.find((line) => line.state === "done") || lines[0];
      const picture = lines.find((line) => line.picture)?.job;
      return { ...shown, picture, at: lines[0].at, formats: lines.filter((line) => line.state === "done" && line.label) };
    });
  }

  function several(known) {
    return Object.entries(lists()).flatMap(([key, { at, rows }]) => {
      const lines = rows.map((row) => known[row.job] || { state: "failed" });
      const ready = lines.filter((line) => line.state === "done");
      if (!rows.some((row) => known[row.job])) return [];
      const state = lines.some(vimix.live) ? "running" : ready.length ? "done" : "failed";
      const share = { done: lines.reduce((sum, line) => sum + (vimix.live(line) ? 0 : 1), 0), total: lines.length };
      return [{ list: key, at, state, ...share, picture: ready.find((line) => line.picture)?.job, name: vimix.t("list_of", { n: rows.length }) }];
    });
  }

  vimix.live = (line) => ["queued", "running"].includes(line.state);

  // Lines change while one of them may have the keyboard's focus; a picture that is there stays, or it would flicker.
  vimix.lines = (list, lines) => {
    const at = [...list.querySelectorAll("button")].indexOf(document.activeElement);
    const pictures = Object.fromEntries([...list.querySelectorAll("img")].map((each) => [each.getAttribute("src"), each]));
    list.replaceChildren(...lines.map((line) => row(line, pictures)));
    list.querySelectorAll("button")[at]?.focus();
  };

  function row(line, pictures) {
    const share = line.total ? Math.round((100 * line.done) / line.total) : 0;
    const state = line.state === "running" && share ? `${share} %` : vimix.t(`s_${line.state}`);
    const job = typeof line.picture === "string" ? line.picture : line.job;
    const src = `r/${job}/frame.webp`;
    const picture = line.picture ? pictures[src] || make("img", { class: "vx-thumb", src, alt: "", width: 64, height: 36 }) : make("i", { class: "vx-thumb", "aria-hidden": "true" });
    const open = () => (line.list ? vimix.open_list(line.list) : line.job && vimix.open(line.job));
    const words = [make("span", {}, line.name || line.job.slice(0, 8)), line.error ? make("small", { class: "vx-why" }, vimix.said(line.error)) : make("small", {}, state)];
    const parts = [make("button", { type: "button", class: "vx-line", disabled: !line.job && !line.list, onclick: open }, picture, ...words)];
    if (line.formats?.length > 1)
      parts.push(make("span", { class: "vx-formats" }, ...line.formats.map((each) => make("button", { type: "button", class: "vx-chip", onclick: () => vimix.open(each.job) }, vimix.said(each.label).replace(/ \(.*\)/, "")))));
    if (line.cancel) parts.push(make("button", { type: "button", class: "vx-ghost", "aria-label": vimix.t("cancel_one", { name: line.name }), onclick: line.cancel }, vimix.t("cancel")));
    return make("li", { "data-state": line.state }, ...parts);
  }

  // A list as the card shows it. `clear` empties the card first.
  vimix.list_card = (lines, clear) => {
    clear();
    const ready = lines.filter((line) => line.state === "done");
    const live = lines.filter(vimix.live);
    say($("card-title"), vimix.t("batch", { done: ready.length, n: lines.length }));
    vimix.lines($("batch"), lines);
    show($("batch"), true);
    const link = $("download");
    link.href = `zip?jobs=${ready.map((line) => line.job).join(",")}`;
    link.download = "vimix.zip";
    say(link, vimix.t("zip"));
    show(link, ready.length > 0 && !live.length);
    show($("cancel-all"), live.some((line) => line.cancel));
  };
})();
