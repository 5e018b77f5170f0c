// From nothing to a chosen clip: drop zone, upload, examples, filmstrip and trimming.
(() => {
  const { $, make, show, say } = vimix;
  const state = (vimix.clip = { clips: [], film: null, start: 0, end: null, marks: [], point: [], paint: [], upload: null });
  const MAX = 20;

  vimix.startPart = () => {
    const { facts } = vimix;
    const words = {
      hours: facts.hours,
      mb: facts.max_mb,
      seconds:
        facts.max_seconds < 120
          ? vimix.t("seconds", { n: facts.max_seconds })
          : vimix.t("minutes", { n: Math.floor(facts.max_seconds / 60) }),
    };
    vimix.fill(vimix.parts.start, words);
    const input = $("file");
    input.addEventListener("change", () => {
      take([...input.files]);
      input.value = "";
    });
    // The whole page takes a drop and a paste; the zone only shows where.
    const zone = $("drop");
    for (const kind of ["dragenter", "dragover"])
      addEventListener(kind, (event) => {
        if (!event.dataTransfer?.types.includes("Files")) return;
        event.preventDefault();
        zone.classList.add("vx-over-drop");
      });
    addEventListener("dragleave", (event) => event.relatedTarget || zone.classList.remove("vx-over-drop"));
    addEventListener("drop", (event) => {
      if (!event.dataTransfer?.files.length) return;
      event.preventDefault();
      zone.classList.remove("vx-over-drop");
      take([...event.dataTransfer.files]);
    });
    addEventListener("paste", (event) => event.clipboardData?.files.length && take([...event.clipboardData.files]));
    examples(facts.examples);
  };

  function examples(rows) {
    const tiles = vimix.parts.start.querySelector(".vx-tiles");
    for (const row of rows) {
      const label = `${row.label[vimix.language]} · ${vimix.time(row.seconds)}`;
      tiles.append(
        make(
          "button",
          { type: "button", class: "vx-tile", "data-example": row.name, onclick: () => example(row) },
          make("img", { src: row.poster, alt: "", width: 320, height: 180, loading: "lazy" }),
          make("span", {}, label),
        ),
      );
    }
    show($("examples"), rows.length > 0);
  }

  // An example runs at once; its options can be changed afterwards.
  async function example(row) {
    choose([{ path: row.path, name: row.file, url: row.url }]);
    vimix.go();
  }

  async function take(files) {
    const { facts } = vimix;
    fault("");
    if (vimix.busy?.()) return;
    vimix.screen("start");
    const clips = [];
    for (const file of files.slice(0, MAX)) {
      if (file.size > facts.max_mb * 1e6) {
        const values = { name: file.name, size: vimix.size(file.size), mb: facts.max_mb };
        return fault(vimix.t("too_large", values));
      }
    }
    const total = files.reduce((sum, file) => sum + file.size, 0);
    let before = 0;
    try {
      for (const file of files.slice(0, MAX)) {
        const path = await send(file, (sent) => bar((before + sent) / total));
        before += file.size;
        clips.push({ path, name: file.name, url: URL.createObjectURL(file) });
      }
    } catch (error) {
      return fault(error.message);
    } finally {
      show(vimix.parts.start.querySelector(".vx-upload"), false);
    }
    choose(clips);
  }
  vimix.take = take;

  function bar(share) {
    const box = vimix.parts.start.querySelector(".vx-upload");
    const percent = Math.min(100, Math.round(share * 100));
    show(box, true);
    box.querySelector(".vx-bar").setAttribute("aria-valuenow", percent);
    box.querySelector("i").style.width = `${percent}%`;
    say(box.querySelector(".vx-upload-text"), vimix.t("uploading", { percent }));
  }

  // fetch() cannot tell how much is sent; XMLHttpRequest can.
  function send(file, progress) {
    return new Promise((done, failed) => {
      const request = new XMLHttpRequest();
      const form = new FormData();
      form.append("files", file, file.name);
      request.open("POST", "gradio_api/upload");
      request.upload.onprogress = (event) => progress(Math.min(event.loaded, file.size));
      request.onload = () => {
        if (request.status === 200) return done(JSON.parse(request.responseText)[0]);
        const wait = Number(request.getResponseHeader("Retry-After") || 60);
        if (request.status === 429) return failed(Error(vimix.t("upload_busy", { wait: vimix.time(wait) })));
        if (request.status === 413) {
          const values = { name: file.name, size: vimix.size(file.size), mb: vimix.facts.max_mb };
          return failed(Error(vimix.t("too_large", values)));
        }
        failed(Error(vimix.t("upload_failed")));
      };
      request.onerror = () => failed(Error(vimix.t("upload_failed")));
      request.send(form);
    });
  }
  vimix.send = send;

  function fault(text) {
    const box = $("start-error");
    say(box, vimix.said(text));
    show(box, Boolean(text));
  }
  vimix.fault = fault;

  function choose(clips) {
    Object.assign(state, { clips, film: null, start: 0, end: null, marks: [], point: [], paint: [] });
    name(clips);
    show($("reel"), false);
    show($("trim"), false);
    vimix.setup(clips[0], null);
    vimix.screen("setup");
    vimix.server.clip_film({ path: clips[0].path }).then((film) => {
      if (state.clips !== clips) return;
      if (film.kind === "error") {
        vimix.screen("start");
        return fault(film.error);
      }
      state.film = film;
      state.end = film.seconds;
      vimix.setup(clips[0], film);
      strip(film, clips.length === 1);
    });
  }

  function name(clips) {
    const many = clips.length > 1;
    say($("clip-name"), many ? "" : ` · ${clips[0].name}`);
    say($("clip-list"), many ? vimix.t("clips", { n: clips.length }) : "");
    show($("clip-list"), many);
  }
  vimix.clipName = (text) => name([{ name: text }]);

  function strip(film, trimmable) {
    if (!trimmable || film.still) return;
    const box = $("reel");
    box.querySelector(".vx-strip").replaceChildren(...film.strip.map((src) => make("img", { src, alt: "" })));
    show(box, true);
    show($("trim"), true);
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
    const least = () => Math.min(0.2, state.film.seconds / 2);
    const move = (which, value) => {
      if (which === "start") state.start = Math.max(0, Math.min(value, state.end - least()));
      else state.end = Math.min(state.film.seconds, Math.max(value, state.start + least()));
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
    const trimmed = state.film && !state.film.still && state.clips.length === 1;
    return JSON.stringify({
      nonce: Math.random(),
      clips: state.clips.map(({ path, name: called }) => ({ path, name: called })),
      background_file: state.background || null,
      start: trimmed && state.start > 0.05 ? Number(state.start.toFixed(3)) : null,
      end: trimmed && state.end < state.film.seconds - 0.05 ? Number(state.end.toFixed(3)) : null,
      point: state.clips.length === 1 ? state.point : [],
      paint: state.clips.length === 1 ? state.paint : [],
    });
  };
})();
