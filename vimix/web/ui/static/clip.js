// From nothing to a chosen clip: the first screen, examples, filmstrip and trimming.
(() => {
  const { $, make, show, say } = vimix;
  // `all` are the chosen clips in their order, each with its own film, trim and marks; `clips` has the one in view first.
  const state = (vimix.clip = { all: [], clips: [], film: null, start: 0, end: null, marks: [], point: [], paint: [] });
  const own = () => ({ film: null, start: 0, end: null, marks: [], point: [], paint: [] });
  const OWN = Object.keys(own());

  vimix.startPart = () => {
    const { facts } = vimix;
    const words = { hours: facts.hours, mb: facts.max_mb, seconds: length_of(facts.max_seconds) };
    vimix.fill(vimix.parts.start, words);
    vimix.uploadPart();
    examples(facts.examples);
    if (facts.hero) hero(facts.hero);
  };

  const length_of = (seconds) =>
    seconds < 120 || seconds % 60 ? vimix.t("seconds", { n: vimix.number(seconds) }) : vimix.t("minutes", { n: seconds / 60 });

  // A loop of what we do. It is fetched once the page stands, and stands still for those who asked for less motion.
  function hero({ film, poster }) {
    const video = $("hero-film");
    Object.assign(video, { poster, src: film });
    show($("hero"), true);
    let stopped = vimix.still();
    const move = (on) => {
      for (const each of document.querySelectorAll("#vx-hero video, .vx-tile video")) on ? each.play().catch(() => {}) : each.pause();
      $("motion").dataset.on = on;
      $("motion").setAttribute("aria-label", vimix.t(on ? "motion_stop" : "motion_start"));
    };
    // The films are fetched once the page can be used, so that they are in nobody's way.
    const quiet = new Promise((done) => (window.requestIdleCallback || setTimeout)(done, { timeout: 2000 }));
    vimix.motion = async (on) => {
      if (on) await quiet;
      move(on && document.body.dataset.vx === "start" && !stopped);
    };
    $("motion").addEventListener("click", () => {
      stopped = !video.paused;
      move(!stopped);
    });
  }

  function examples(rows) {
    const tiles = vimix.parts.start.querySelector(".vx-tiles");
    for (const row of rows) {
      const label = `${row.label[vimix.language]} · ${vimix.time(row.seconds)}`;
      const shown = row.result
        ? [make("video", { src: row.result, poster: row.still, muted: true, loop: true, playsinline: true, preload: "none", width: 400, height: 226, "aria-hidden": "true" }), make("img", { class: "vx-inset", src: row.before, alt: "", width: 128, height: 72, loading: "lazy" })]
        : [make("img", { src: row.poster, alt: "", width: 320, height: 180, loading: "lazy" })];
      const tile = make("button", { type: "button", class: "vx-tile", "data-example": row.name, onclick: () => example(row) }, ...shown, make("span", {}, label));
      if (row.result) tile.firstElementChild.muted = true; // the attribute alone is not enough to play
      tiles.append(tile);
    }
    show($("examples"), rows.length > 0);
  }

  // An example runs at once; its options can be changed afterwards.
  function example(row) {
    choose([{ path: row.path, name: row.file, url: row.url }]);
    vimix.go();
  }

  // Each clip has its own film, trim and marks; what is chosen in the options holds for all of them.
  function choose(clips) {
    for (const clip of clips) for (const [key, value] of Object.entries(own())) clip[key] ??= value;
    state.all = clips;
    state.clips = [];
    say($("clip-note"), clips.length > 1 ? vimix.t("clips", { n: clips.length }) : "");
    show($("clip-note"), clips.length > 1);
    look_at(clips[0]);
    vimix.at_setup();
    films(clips);
  }
  vimix.choose = choose;

  function look_at(clip) {
    keep();
    state.clips = [clip, ...state.all.filter((each) => each !== clip)];
    for (const key of OWN) state[key] = clip[key];
    name(state.all);
    show($("reel"), false);
    show($("trim"), false);
    show($("trim-limit"), false);
    show($("looks"), false);
    vimix.setup(clip, clip.film);
    if (clip.film) strip(clip.film);
  }

  const keep = () => state.clips[0] && OWN.forEach((key) => (state.clips[0][key] = state[key]));

  async function films(clips) {
    const open = new Set(clips.filter((clip) => !clip.film));
    while (open.size) {
      const clip = open.has(state.clips[0]) ? state.clips[0] : [...open][0]; // the one in view comes first
      open.delete(clip);
      const film = await vimix.server.clip_film({ path: clip.path });
      if (state.all !== clips) return;
      if (film.kind === "error") {
        if (clips.length > 1) continue; // its line in the list says so
        vimix.screen("start");
        return vimix.fault(film.error);
      }
      const most = Math.min(film.seconds, vimix.facts.max_seconds);
      Object.assign(clip, { film, end: clip.end ?? most });
      if (state.clips[0] !== clip) continue;
      Object.assign(state, { film, end: clip.end });
      if (document.body.dataset.vx !== "setup") continue;
      vimix.setup(clip, film);
      strip(film);
    }
  }

  function name(clips) {
    const many = clips.length > 1;
    say($("clip-name"), many ? "" : ` · ${clips[0].name}`);
    $("clip-list").replaceChildren(
      ...(many ? clips : []).map((clip) =>
        make("button", { type: "button", class: "vx-chip", "aria-pressed": clip === state.clips[0], onclick: () => look_at(clip) }, clip.name),
      ),
    );
    show($("clip-list"), many);
  }
  vimix.clipName = (text) => name([{ name: text }]);

  function strip(film) {
    if (film.still) return;
    const box = $("reel");
    box.querySelector(".vx-strip").replaceChildren(...film.strip.map((src) => make("img", { src, alt: "" })));
    show(box, true);
    show($("trim"), true);
    const long = film.seconds > vimix.facts.max_seconds;
    if (long) say($("trim-limit"), vimix.t("trim_to_limit", { length: vimix.clock(film.seconds), limit: length_of(vimix.facts.max_seconds) }));
    show($("trim-limit"), long);
    draw();
  }

  function draw() {
    const { seconds } = state.film;
    const box = $("reel");
    const [from, to] = [state.start / seconds, state.end / seconds];
    box.style.setProperty("--from", `${from * 100}%`);
    box.style.setProperty("--to", `${to * 100}%`);
    const [first, last] = box.querySelectorAll(".vx-handle");
    for (const [handle, value] of [[first, state.start], [last, state.end]]) {
      handle.setAttribute("aria-valuemin", 0);
      handle.setAttribute("aria-valuemax", seconds.toFixed(1));
      handle.setAttribute("aria-valuenow", value.toFixed(1));
      handle.setAttribute("aria-valuetext", vimix.clock(value));
    }
    const length = vimix.t("sec", { n: vimix.number(state.end - state.start, 1) });
    say($("trim"), `${vimix.clock(state.start)} – ${vimix.clock(state.end)} · ${length}`);
  }

  vimix.filmPart = () => {
    const box = $("reel");
    // Previews are of the marks as they were: others, or none, clear them.
    let last = null;
    addEventListener("click", () => {
      if (state.point !== last) show($("looks"), false);
      last = state.point;
    });
    const least = () => Math.min(0.2, state.film.seconds / 2);
    const move = (which, value) => {
      const most = vimix.facts.max_seconds; // the other end follows where the part would become too long
      if (which === "start") {
        state.start = Math.max(0, Math.min(value, state.end - least()));
        state.end = Math.min(state.end, state.start + most);
      } else {
        state.end = Math.min(state.film.seconds, Math.max(value, state.start + least()));
        state.start = Math.max(state.start, state.end - most);
      }
      draw();
      vimix.seek(which === "start" ? state.start : state.end);
    };
    for (const which of ["start", "end"]) {
      const handle = box.querySelector(`.vx-handle-${which}`);
      handle.addEventListener("pointerdown", (event) => {
        handle.setPointerCapture(event.pointerId);
        const follow = (moved) => {
          const { left, width } = box.getBoundingClientRect();
          move(which, ((moved.clientX - left) / width) * state.film.seconds);
        };
        handle.addEventListener("pointermove", follow);
        handle.addEventListener("lostpointercapture", () => handle.removeEventListener("pointermove", follow), { once: true });
      });
      handle.addEventListener("keydown", (event) => {
        const step = event.shiftKey ? 1 : 0.1;
        const by = { ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step }[event.key];
        if (event.key === "Home") move(which, which === "start" ? 0 : state.start);
        else if (event.key === "End") move(which, which === "start" ? state.end : state.film.seconds);
        else if (by) move(which, state[which] + by);
        else return;
        event.preventDefault();
      });
    }
  };

  // What the server must know beside the option fields.
  vimix.gather = () => {
    keep();
    const trimmed = ({ film, start, end }) => ({
      start: film && !film.still && start > 0.05 ? Number(start.toFixed(3)) : null,
      end: film && !film.still && end < film.seconds - 0.05 ? Number(end.toFixed(3)) : null,
    });
    const clips = state.all.map((clip) => ({ path: clip.path, name: clip.name, point: clip.point, paint: clip.paint, ...trimmed(clip) }));
    return JSON.stringify({ nonce: Math.random(), clips });
  };
})();
