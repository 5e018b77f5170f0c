// The player: a clip before the run as it is, and after it as a video with the picture above and its alpha below, put
// together on a canvas. So every browser plays it, frame by frame, over any background, and shows what it was before.
(() => {
  const { $, show, say } = vimix;
  const WIDTH = 640; // pixels: what a canvas without a GPU puts together in a few milliseconds
  const CLIP_WIDTH = 960; // of a clip that is only shown
  const PLAIN = { background: "transparent", crop: "none", stroke: 0, shadow: 0, fit: "none", loop: "forever", encode_quality: 80, lossless: false };
  const LEAST_ALPHA = 6; // of 255: below, and as near to opaque, is noise of the video codec
  const video = Object.assign(document.createElement("video"), { muted: true, loop: true, playsInline: true });
  const both = document.createElement("canvas"); // the picture, and below it its alpha, as decoded
  const cut = document.createElement("canvas");
  let view = null; // the finished job
  let opening = null;
  let shown = null; // what is played: {source: the video or a picture, stacked, frames, seconds, stops}
  let fixed = new Map(); // frame number to its corrected picture
  let zoom = 1;
  let pan = [0, 0];

  const player = (vimix.player = {
    open: false,
    index: 0, // of the frame that is shown
    split: null, // share of the width that shows the clip as it was

    // The result of that job can be played; it is where the file itself would look the same.
    offer(finished) {
      player.close();
      const able = finished.state === "done" && finished.card?.width && vimix.token(finished.job) && finished.format !== "stacked";
      view = able ? finished : null;
      tools(Boolean(able));
      if (able && looksPlain(finished.options)) player.start().catch(() => {});
    },

    // Resolves when the first frame stands. A browser without H.264, or a failure on the way, leaves the file in view.
    start() {
      opening ??= load(view).catch((error) => {
        opening = null;
        throw error;
      });
      return opening;
    },

    // The clip as it was chosen; a browser that does not decode it shows its first picture. Resolves to whether it stands.
    async clip(url, film) {
      player.close();
      const turn = (opening = {});
      const still = async () => {
        const picture = new Image();
        picture.src = film.poster;
        await picture.decode();
        return { source: picture, frames: 1, seconds: 0, stops: [] };
      };
      const moving = async () => {
        await loaded(url);
        return { source: video, frames: Math.max(1, Math.round(video.duration * film.fps)), seconds: video.duration, stops: [] };
      };
      const found = await (film.still ? still() : moving().catch(still));
      if (opening !== turn) return false;
      stand(found, film.width, film.height);
      return true;
    },

    close() {
      video.pause();
      if (shown?.stacked) URL.revokeObjectURL(video.src);
      video.removeAttribute("src");
      tools(false);
      for (const id of ["zoomed", "controls"]) show($(id), false);
      [view, opening, shown, fixed] = [null, null, null, new Map()];
      Object.assign(player, { open: false, index: 0, split: null });
      zoomTo(1);
    },

    get rate() {
      return shown.seconds ? shown.frames / shown.seconds : 1;
    },
    get count() {
      return Math.max(1, shown.frames);
    },
    get still() {
      return player.count === 1;
    },
    get paused() {
      return video.paused;
    },
    // Seconds from the first frame, in the middle of the frame that is shown.
    get time() {
      return player.still ? 0 : (player.index + 0.5) / player.rate;
    },

    toggle(play = video.paused) {
      if (player.still) return;
      if (play) video.play().catch(() => {});
      else video.pause();
      label();
    },

    // Show the frame with that number.
    go(index) {
      video.pause();
      player.index = Math.max(0, Math.min(player.count - 1, index));
      if (!player.still) video.currentTime = Math.min(player.time, video.duration - 0.001);
      label();
    },

    // A corrected picture of one frame; null: as it was found.
    fix(index, picture) {
      if (picture) fixed.set(index, picture);
      else fixed.delete(index);
      paint();
    },

    paint: () => player.open && paint(),
    // The picture as it is shown, as a PNG.
    picture: () => new Promise((done) => $("screen").toBlob(done, "image/png")),
  });

  // Only who has the job's token may change it.
  function tools(on) {
    for (const button of $("tools").children) show(button, on || button.id === "vx-compare-open");
    if (on && view.options.invert) for (const button of $("tools").querySelectorAll("[data-tool]")) show(button, false);
  }

  // Whether the file shows the whole picture, so that the player can stand in its place.
  const looksPlain = (options) =>
    ["none", "auto"].includes(options.crop) && !options.stroke && !options.shadow && !options.fit && options.loop !== "ping-pong" && vimix.finish.knows(view);

  async function load(job) {
    const { card } = job;
    const answer = await vimix.server.also({ job: job.job, ...PLAIN, format: "stacked", width: Math.min(WIDTH, card.source_width || card.width) });
    if (answer.kind === "error") throw Error(answer.error);
    const [ticket] = answer.tickets;
    vimix.memory.set("players", { ...vimix.memory.get("players", {}), [job.job]: ticket }); // deleted with the job
    const output = await ended(ticket.job);
    const file = await fetch(`r/${ticket.job}`);
    if (!file.ok) throw Error(file.statusText);
    const source = URL.createObjectURL(await file.blob()); // all of it is here, so that it can be sought in
    if (view !== job) return URL.revokeObjectURL(source);
    await loaded(source);
    if (view !== job) return;
    stand({ source: video, stacked: true, frames: output.frames, seconds: output.seconds, stops: card.doubtful }, video.videoWidth, video.videoHeight / 2);
    show($("swatches"), false);
    const shows = /^image|^video.(webm|mp4)/.test(view.mime) && view.format !== "hevc";
    say($("shown-as"), shows ? "" : vimix.t("shown_as", { format: vimix.said(view.label).replace(/ \(.*\)/, "") }));
    vimix.finish.stand(view);
    vimix.mend.result(view);
  }

  const loaded = (url) =>
    new Promise((done, failed) => {
      video.onloadeddata = () => (video.videoWidth ? done() : failed(Error("no picture")));
      video.onerror = () => failed(Error("this browser does not decode it"));
      video.src = url;
    });

  async function ended(job) {
    for (;;) {
      const answer = await fetch(`api/status/${job}`);
      const { state, card } = answer.ok ? await answer.json() : {};
      if (state === "done") return card.output;
      if (!["queued", "running"].includes(state)) throw Error(state);
      await new Promise((done) => setTimeout(done, 250));
    }
  }

  // The canvas takes the place of the file.
  function stand(playing, width, height) {
    shown = playing;
    const scale = shown.stacked ? 1 : Math.min(1, CLIP_WIDTH / width);
    const size = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
    Object.assign(both, size, { height: size.height * (shown.stacked ? 2 : 1) });
    for (const canvas of [cut, $("screen"), $("marks")]) Object.assign(canvas, size);
    $("stage").style.setProperty("--shape", `${size.width} / ${size.height}`);
    player.open = true;
    $("video").pause();
    for (const id of ["live", "video", "play", "over", "compare"]) show($(id), false);
    show($("zoomed"), true);
    show($("controls"), !player.still);
    $("seek").max = player.count - 1;
    draw();
    if (shown.source === video) follow();
    if (!vimix.still()) player.toggle(true);
    label();
  }

  // Draw whenever the video shows another frame.
  function follow() {
    const followed = shown;
    const turn = () => {
      if (shown !== followed) return;
      draw();
      video.requestVideoFrameCallback ? video.requestVideoFrameCallback(turn) : requestAnimationFrame(turn);
    };
    video.onseeked = draw;
    turn();
  }

  function draw() {
    if (!player.open || (shown.source === video && video.readyState < 2)) return;
    player.index = player.still ? 0 : Math.min(player.count - 1, Math.floor(video.currentTime * player.rate + 0.01));
    const { width, height } = cut;
    const context = both.getContext("2d", { willReadFrequently: true });
    context.drawImage(shown.source, 0, 0, both.width, both.height);
    if (shown.stacked) join(context, width, height);
    paint();
    label();
  }

  // The upper half with the lower one as its alpha.
  function join(context, width, height) {
    const picture = context.getImageData(0, 0, width, height);
    const alpha = context.getImageData(0, height, width, height).data;
    for (let at = 3; at < alpha.length; at += 4) {
      const value = alpha[at - 1];
      picture.data[at] = value < LEAST_ALPHA ? 0 : value > 255 - LEAST_ALPHA ? 255 : value;
    }
    cut.getContext("2d").putImageData(picture, 0, 0);
  }

  function paint() {
    const screen = $("screen");
    const { width, height } = screen;
    const context = screen.getContext("2d");
    context.clearRect(0, 0, width, height);
    if (shown.stacked) vimix.finish.paint(context, both);
    context.drawImage((video.paused && fixed.get(player.index)) || (shown.stacked ? cut : both), 0, 0, width, height);
    if (player.split !== null) {
      const edge = Math.round(player.split * width);
      if (edge) context.drawImage(both, 0, 0, edge, height, 0, 0, edge, height);
      context.fillStyle = "#fff";
      context.fillRect(edge - 1, 0, 2, height);
    }
    vimix.mend.paint();
  }

  function label() {
    if (!player.open) return;
    const [toggle, seek] = [$("toggle"), $("seek")];
    toggle.dataset.state = video.paused ? "paused" : "playing";
    const name = vimix.t(video.paused ? "play" : "pause");
    if (toggle.title !== name) [toggle.title, toggle.ariaLabel] = [name, name];
    seek.value = player.index;
    const moment = `${vimix.clock(player.index / player.rate)} / ${vimix.clock(shown.seconds || 0)}`;
    seek.setAttribute("aria-valuetext", vimix.t("frame_at", { n: player.index + 1, time: vimix.clock(player.index / player.rate) }));
    say($("clock"), moment);
  }

  function zoomTo(factor, x = 0.5, y = 0.5) {
    if (factor > 1 && zoom === 1) pan = [0.5 - x, 0.5 - y];
    zoom = factor;
    const most = (zoom - 1) / (2 * zoom);
    pan = pan.map((each) => Math.max(-most, Math.min(most, each)));
    $("zoomed").style.transform = zoom === 1 ? "" : `scale(${zoom}) translate(${pan[0] * 100}%, ${pan[1] * 100}%)`;
    say($("zoom"), `${zoom}×`);
  }

  // Where a pointer is, as fractions of the picture.
  player.place = (event) => {
    const [box, { width, height }] = [$("marks").getBoundingClientRect(), $("marks")];
    const scale = Math.min(box.width / width, box.height / height);
    return [(event.clientX - box.left - (box.width - scale * width) / 2) / (scale * width), (event.clientY - box.top - (box.height - scale * height) / 2) / (scale * height)];
  };

  vimix.playerPart = () => {
    $("toggle").addEventListener("click", () => player.toggle());
    $("back").addEventListener("click", () => player.go(player.index - 1));
    $("next").addEventListener("click", () => player.go(player.index + 1));
    $("seek").addEventListener("input", () => player.go(Number($("seek").value)));
    $("zoom").addEventListener("click", () => zoomTo(zoom < 4 ? zoom * 2 : 1));
    $("screen-split").addEventListener("input", () => {
      player.split = Number($("screen-split").value) / 100;
      paint();
    });
    const marks = $("marks");
    marks.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      zoomTo(Math.max(1, Math.min(8, event.deltaY < 0 ? zoom * 2 : zoom / 2)), ...player.place(event));
    }, { passive: false });
    marks.addEventListener("pointerdown", (event) => {
      if (vimix.mend.tool) return;
      marks.setPointerCapture(event.pointerId);
      const from = [event.clientX, event.clientY, ...pan];
      let moved = false;
      const move = (now) => {
        moved ||= Math.hypot(now.clientX - from[0], now.clientY - from[1]) > 4;
        if (player.split !== null) {
          player.split = Math.max(0, Math.min(1, player.place(now)[0]));
          $("screen-split").value = player.split * 100;
          return paint();
        }
        const box = marks.getBoundingClientRect();
        pan = [from[2] + (now.clientX - from[0]) / box.width, from[3] + (now.clientY - from[1]) / box.height];
        zoomTo(zoom);
      };
      marks.addEventListener("pointermove", move);
      marks.addEventListener("lostpointercapture", () => {
        marks.removeEventListener("pointermove", move);
        if (!moved && player.split === null) player.toggle();
      }, { once: true });
    });
    marks.addEventListener("keydown", keys);
  };

  const KEYS = {
    " ": () => player.toggle(),
    k: () => player.toggle(),
    ",": () => player.go(player.index - 1),
    ".": () => player.go(player.index + 1),
    Home: () => player.go(0),
    End: () => player.go(player.count - 1),
    "[": () => stop(-1),
    "]": () => stop(1),
    "+": () => zoomTo(Math.min(8, zoom * 2)),
    "-": () => zoomTo(Math.max(1, zoom / 2)),
  };

  function keys(event) {
    if (event.ctrlKey || event.metaKey || vimix.mend.key(event)) return;
    const step = event.shiftKey ? Math.round(player.rate) : 1;
    const arrows = { ArrowLeft: -step, ArrowRight: step };
    if (event.key in arrows) player.go(player.index + arrows[event.key]);
    else if (event.key in KEYS) KEYS[event.key]();
    else return;
    event.preventDefault();
  }

  // To the next frame that may need checking, or the one before.
  function stop(way) {
    const stops = shown.stops.map((time) => Math.floor(time * player.rate + 0.01));
    const next = stops.filter((each) => (each - player.index) * way > 0).sort((one, other) => (one - other) * way)[0];
    if (next !== undefined) player.go(next);
  }
})();
