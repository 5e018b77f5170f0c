// The picture in the middle: the chosen clip, the frame being cut, the result, before and after.
(() => {
  const { $, make, show, say } = vimix;
  let shown = null; // the view whose result stands on the stage
  let moments = 0; // counts requests, so that a late answer is not shown
  let announced = 0;

  vimix.stagePart = () => {
    swatches();
    vimix.playerPart();
    vimix.mendPart();
    vimix.finishPart();
    $("try").addEventListener("click", attempt);
    $("video").addEventListener("error", unplayable);
    $("play").addEventListener("click", play);
    $("compare-open").addEventListener("click", () => (vimix.player.open ? divide() : compare($("compare").hidden)));
    $("scrub").addEventListener("change", () => moment(Number($("scrub").value)));
    const split = vimix.parts.stage.querySelector(".vx-split");
    vimix.parts.stage.querySelector(".vx-before").alt = vimix.t("before");
    vimix.parts.stage.querySelector(".vx-after").alt = vimix.t("after");
    split.addEventListener("input", () => $("compare").style.setProperty("--split", `${split.value}%`));
  };

  // Another browser may play it; here there is a picture of it.
  function unplayable() {
    const [video, live] = [$("video"), $("live")];
    if (!video.getAttribute("src")) return;
    show(video, false);
    if (shown?.preview) live.src = shown.preview;
    show(live, live.hasAttribute("src"));
    show($("play"), false);
    if (!shown) return;
    say($("over"), vimix.t("no_preview", { format: vimix.said(shown.label) }));
    show($("over"), true);
  }

  function blank() {
    vimix.player.close();
    say($("shown-as"), "");
    for (const id of ["mend", "behind", "screen-split"]) show($(id), false);
    $("behind-open").setAttribute("aria-expanded", false);
    for (const id of ["live", "video", "compare", "swatches", "play", "over", "setup", "looks", "progress", "inspect"])
      show($(id), false);
    show($("stage"), true);
    $("live").classList.remove("vx-waiting");
    const video = $("video");
    video.removeAttribute("src");
    video.load();
    $("live").removeAttribute("src");
    shown = null;
  }

  function shape(width, height) {
    if (width && height) $("stage").style.setProperty("--shape", `${width} / ${height}`);
  }

  // Before the run: the clip as it is.
  vimix.setup = (clip, film) => {
    blank();
    const { live, video } = { live: $("live"), video: $("video") };
    show($("setup"), true);
    say($("setup-note"), film ? "" : vimix.t("waiting_start"));
    if (film) {
      shape(film.width, film.height);
      live.src = film.poster;
      video.poster = film.poster;
    }
    if (film?.still) {
      show(live, true);
    } else {
      show(video, true);
      video.src = clip.url;
      video.controls = false;
      if (!film && !vimix.still()) video.play().catch(() => {});
    }
    if (film) vimix.player.clip(clip.url, film).then((stands) => stands && vimix.mend.clip(clip, vimix.clip));
  };

  vimix.seek = (time) => {
    if (vimix.player.open) return vimix.player.go(Math.floor(time * vimix.player.rate + 0.01));
    const video = $("video");
    if (!video.hidden && Number.isFinite(video.duration)) {
      video.pause();
      video.currentTime = Math.min(time, video.duration - 0.05);
    }
  };

  async function attempt() {
    const button = $("try");
    button.disabled = true;
    say($("setup-note"), vimix.t("trying"));
    const [clip] = vimix.clip.clips;
    const marked = vimix.player.open ? vimix.mend.here() : {}; // where it was clicked, it is known who is meant
    const time = vimix.player.open ? vimix.player.time : vimix.clip.start;
    const answer = await vimix.server.trial({ path: clip.path, time, ...marked });
    button.disabled = false;
    if (vimix.clip.clips[0] !== clip || $("setup").hidden) return;
    if (answer.kind === "error") return say($("setup-note"), vimix.said(answer.error));
    say($("setup-note"), quota(answer.quota));
    const looks = $("looks");
    looks.replaceChildren(
      ...answer.looks.map((look) =>
        make(
          "button",
          { type: "button", class: "vx-look", "data-look": look.look, onclick: () => answer.looks.length > 1 && vimix.choose_look(look.look) },
          make("img", { src: look.picture, alt: "" }),
          answer.looks.length > 1 ? make("b", {}, vimix.t(`o_${look.look}`)) : null, // a key is the same at every Look
          make("span", { class: "vx-quiet" }, estimate(look)),
        ),
      ),
    );
    show(looks, true);
  }

  function quota({ jobs_left: left, jobs_per_hour: limit }) {
    if (left === null) return vimix.t("quota_free");
    return left ? vimix.t("quota", { left, limit }) : vimix.t("quota_used");
  }

  function estimate(look) {
    const { film, start, end } = vimix.clip;
    const share = film && film.seconds ? (end - start) / film.seconds : 1;
    return vimix.t("estimate", { time: vimix.time(look.seconds * share), size: vimix.size(look.bytes * share) });
  }

  // While it runs.
  vimix.running = (view) => {
    if ($("progress").hidden) {
      const poster = vimix.clip.film?.poster;
      blank();
      show($("progress"), true);
      show($("live"), Boolean(poster));
      if (poster) $("live").src = poster;
      $("stage").dataset.on = "checker";
      announced = 0;
    }
    const { done, total } = view;
    const live = $("live");
    if (view.preview) {
      live.src = view.preview;
      live.classList.remove("vx-waiting");
      show(live, true);
      if (live.naturalWidth && !vimix.clip.film) shape(live.naturalWidth, live.naturalHeight);
    } else if (!done) live.classList.add("vx-waiting");
    const fetched = view.note?.match(/(\d+)%$/)?.[1]; // of a model that is not here yet
    const share = fetched ? fetched / 100 : total ? Math.min(1, done / total) : 0;
    const bar = $("progress").querySelector(".vx-bar");
    bar.classList.toggle("vx-unknown", !share);
    bar.setAttribute("aria-valuenow", Math.round(share * 100));
    bar.firstElementChild.style.width = `${share * 100}%`;
    const queued = view.state === "queued";
    const whole = total && done >= total;
    let count = vimix.t("waiting_start");
    if (view.state === "running" && view.preview) count = vimix.t("analysing");
    if (queued) count = vimix.t(view.queue ? "queued" : "queued_soon", { n: view.queue });
    else if (fetched) count = vimix.t("fetching", { percent: fetched });
    else if (whole) count = vimix.t("finishing");
    else if (done) count = vimix.t(total ? "frame_of" : "frame_n", { done, total });
    numbers($("count"), count);
    numbers($("rate"), view.fps && !queued ? vimix.t("rate", { fps: vimix.number(view.fps, 1) }) : "");
    numbers($("left"), view.left > 0 && !whole ? vimix.t(queued ? "starts_in" : "left", { time: vimix.time(view.left) }) : "");
    // A screen reader hears every tenth of the way, not every frame.
    const tenth = queued ? -1 : Math.floor(share * 10);
    if (tenth !== announced) {
      announced = tenth;
      say($("state"), count);
    }
  };

  vimix.away = () => {
    numbers($("count"), vimix.t("away"));
    for (const id of ["rate", "left"]) numbers($(id), "");
    say($("state"), vimix.t("away"));
  };

  // The numbers of a sentence stand out, by markup that is made here and not found in the text.
  function numbers(node, text) {
    if (node.dataset.said === text) return;
    node.dataset.said = text;
    node.replaceChildren(...text.replaceAll(" %", "\u00a0%").split(/(\d(?:[\d.,]*\d)?)/).map((part, place) => (place % 2 ? make("b", {}, part) : part)));
  }
  vimix.numbers = numbers;

  // When it is done.
  vimix.finished = (view) => {
    blank();
    shown = view;
    const facts = view.card;
    if (facts) shape(facts.width, facts.height);
    const [live, video] = [$("live"), $("video")];
    live.classList.remove("vx-waiting");
    const moving = /^video\/(webm|mp4)/.test(view.mime) && view.format !== "hevc";
    const drawn = view.mime.startsWith("image/");
    if (drawn) {
      live.src = vimix.still() && view.preview ? view.preview : view.url;
      live.alt = view.name || "";
    } else if (moving) {
      video.src = view.url;
      video.poster = view.preview || "";
      if (!vimix.still()) video.play().catch(() => {});
    } else if (view.preview) live.src = view.preview;
    show(live, drawn || (!moving && Boolean(view.preview)));
    show(video, moving);
    show($("play"), vimix.still() && (moving || (drawn && Boolean(view.preview))));
    say($("over"), drawn || moving ? "" : vimix.t("no_preview", { format: vimix.said(view.label) }));
    show($("over"), !(drawn || moving));
    show($("swatches"), facts?.alpha !== false);
    show($("inspect"), Boolean(facts));
    show($("compare-open"), view.state === "done");
    if (facts) inspect(facts);
    vimix.player.offer(view);
    say($("state"), vimix.t(view.state === "done" ? "ready" : "cancelled"));
  };

  vimix.emptied = (preview) => {
    blank();
    if (preview) $("live").src = preview;
    show($("live"), Boolean(preview));
    show($("stage"), Boolean(preview));
  };

  function play() {
    show($("play"), false);
    if (!$("video").hidden) $("video").play();
    else $("live").src = shown.url;
  }

  function inspect(facts) {
    say($("calm"), facts.stability && !facts.nothing ? vimix.t("calmness", { value: vimix.t(`stable_${facts.stability}`) }) : "");
    const { doubtful } = facts;
    say($("doubt"), doubtful.length && !facts.nothing ? vimix.t(doubtful.length > 1 ? "doubtful" : "doubtful_one", { n: doubtful.length }) : "");
    vimix.stops();
    const length = facts.seconds || 1;
    $("scrub").max = Math.max(0, length - 0.05);
    $("scrub").value = length / 2;
    compare(false);
  }

  // Stops on the clip: frames that may need checking, and those that were corrected.
  vimix.stops = () => {
    if (!shown?.card) return;
    const { doubtful, nothing, seconds } = shown.card;
    const length = seconds || 1;
    const corrected = vimix.player.open ? vimix.mend.stops().map((index) => (index + 0.5) / vimix.player.rate) : [];
    const stop = (key, kind) => (time) => {
      const text = vimix.t(key, { time: vimix.clock(time) });
      const open = () => (vimix.player.open ? vimix.player.go(Math.floor(time * vimix.player.rate + 0.01)) : compare(true, time));
      const button = make("button", { type: "button", class: kind, title: text, "aria-label": text, onclick: open });
      button.style.left = `${Math.min(100, (time / length) * 100)}%`;
      return button;
    };
    const stops = nothing ? [] : apart(doubtful, length / 40).map(stop("doubtful_at", "vx-stop-doubt"));
    $("timeline").replaceChildren(...stops, ...corrected.map(stop("corrected_at", "vx-stop-mended")));
    show($("timeline"), stops.length + corrected.length > 0);
  };

  // Before and after in the player: a divide that can be moved, while the clip goes on.
  function divide() {
    const on = vimix.player.split === null;
    vimix.player.split = on ? Number($("screen-split").value) / 100 : null;
    $("compare-open").setAttribute("aria-pressed", on);
    show($("screen-split"), on);
    vimix.player.paint();
  }

  // Neighbours share one mark.
  const apart = (times, least) => times.reduce((kept, time) => (time - (kept.at(-1) ?? -least) < least ? kept : [...kept, time]), []);

  function compare(on, time = Number($("scrub").value)) {
    $("compare-open").setAttribute("aria-pressed", on);
    show($("compare"), on);
    show($("scrub"), on && (shown?.card?.seconds || 0) > 0);
    if (on) moment(time);
  }

  async function moment(time) {
    const turn = ++moments;
    $("scrub").value = time;
    $("compare").classList.add("vx-waiting");
    const answer = await vimix.server.moment({ job: shown.job, time });
    if (turn !== moments) return;
    $("compare").classList.remove("vx-waiting");
    if (answer.kind === "error") {
      compare(false);
      return say($("state"), vimix.said(answer.error));
    }
    $("compare").querySelector(".vx-before").src = answer.before;
    $("compare").querySelector(".vx-after").src = answer.after;
  }

  // What the cut-out is shown on: a look only, the file stays transparent.
  function swatches() {
    const on = (name) => {
      $("stage").dataset.on = name;
      for (const each of $("swatches").children) each.setAttribute("aria-checked", each.dataset.on === name);
    };
    const plain = (name) =>
      make("button", {
        type: "button", role: "radio", "data-on": name, "aria-checked": name === "checker",
        "aria-label": vimix.t(`on_${name}`), title: vimix.t(`on_${name}`), onclick: () => on(name),
      });
    $("swatches").append(plain("checker"), plain("black"), plain("white"));
  }
})();
