// Mending a cut: what is marked in a frame is shown in that frame at once, and then carried through the whole clip.
(() => {
  const { $, show, say } = vimix;
  const CLICK = 4; // pixels a pointer may move and still have clicked
  const STEP = 0.02; // of the picture: how far an arrow key moves the cross
  const PAINTS = 20; // painted frames that a job takes
  const COLOURS = { keep: "0, 255, 0", remove: "255, 0, 0" };
  let target = null; // what is corrected: see result() and clip()
  let marks = []; // {index, tool, radius, path: [[x, y], …], click}: fractions of the picture, radius of its width
  let stroke = null; // the one that is being painted
  let cross = null; // where the keyboard points
  let asking = new Map(); // frame number to the newest request for it

  const mend = (vimix.mend = {
    tool: null,

    // A finished job: the corrected frame comes from its stored matte, and the whole clip is made again without a network.
    result({ job, options, card }) {
      const before = (options.point || []).filter((each) => each.startsWith("-"));
      stand({
        start: options.start || 0,
        seconds: card?.again,
        painted: options.paint?.length || 0,
        clicks: (mark) => mark.click && mark.tool === "remove", // what is kept is painted: it is not in the matte
        ask: async (asked) => {
          const answer = await vimix.server.mend({ job, ...asked });
          return answer.kind === "error" ? answer : { picture: answer.picture };
        },
        apply: (point, paint, button) => vimix.also(job, { point: [...before, ...point], paint: [...(options.paint || []), ...paint] }, button),
      });
    },

    // A clip before its run: clicks say who is meant.
    clip(clip, state) {
      stand({
        start: 0,
        painted: 0,
        clicks: (mark) => mark.click,
        ask: async ({ time, point, paint }) => {
          const answer = await vimix.server.trial({ path: clip.path, time, point, paint });
          return answer.kind === "error" ? answer : { picture: (answer.looks.find((each) => each.look === vimix.quality()) || answer.looks[0]).picture };
        },
        changed: () => Object.assign(state, { marks, point: points(marks), paint: paints(marks) }),
      }, state.marks);
    },

    // What is marked in the frame that is shown, or in the one that was marked last.
    here() {
      if (marks.length && !marks.some((mark) => mark.index === vimix.player.index)) vimix.player.go(marks.at(-1).index);
      const here = marks.filter((mark) => mark.index === vimix.player.index);
      return { point: points(here), paint: paints(here) };
    },

    // Strokes of the frame that is shown, and the cross.
    paint() {
      const canvas = $("marks");
      const context = canvas.getContext("2d");
      context.clearRect(0, 0, canvas.width, canvas.height);
      if (!mend.tool) return;
      for (const mark of stroke ? [stroke] : []) line(context, mark, 0.5);
      for (const mark of marks.filter((each) => each.index === vimix.player.index && each.click)) ring(context, mark);
      if (cross) crosshair(context);
    },

    // Whether a key meant the tools rather than the player.
    key(event) {
      if (event.key === "z" || event.key === "Backspace") return undo(), true;
      if (!mend.tool) return false;
      if (event.key === "Escape") return use(null), event.preventDefault(), true;
      const [across, down] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] || [];
      if (across !== undefined) {
        const step = event.shiftKey ? STEP * 5 : STEP;
        vimix.player.toggle(false);
        cross = cross ? [clamp(cross[0] + across * step), clamp(cross[1] + down * step)] : [0.5, 0.5];
        vimix.player.paint();
        say($("mend-note"), vimix.t("cross_at", { x: Math.round(cross[0] * 100), y: Math.round(cross[1] * 100) }));
      } else if (["Enter", " "].includes(event.key) && cross) {
        add({ path: [cross], click: true });
      } else return false;
      event.preventDefault();
      return true;
    },
  });

  function stand(given, before = []) {
    [target, marks, cross] = [given, before, null];
    use(null);
  }

  const clamp = (value) => Math.max(0, Math.min(1, value));

  function use(tool) {
    mend.tool = mend.tool === tool ? null : tool;
    [stroke, cross] = [null, null];
    for (const button of buttons()) button.setAttribute("aria-pressed", button.dataset.tool === mend.tool);
    $("stage").classList.toggle("vx-picking", Boolean(mend.tool));
    if (mend.tool) {
      vimix.player.split = null;
      $("compare-open").setAttribute("aria-pressed", false);
      vimix.player.toggle(false);
      say($("mend-note"), vimix.t(target.apply ? `${mend.tool}_help` : `${mend.tool}_first`));
    }
    tell();
    vimix.player.paint();
  }

  // What can be done now: undo and apply are there once something is marked.
  function tell() {
    show($("mend"), Boolean(mend.tool) || marks.length > 0);
    $("undo").disabled = $("apply").disabled = !marks.length;
    show($("apply"), Boolean(target?.apply));
    const seconds = target?.seconds;
    say($("apply"), vimix.t(seconds ? "apply_in" : "apply", { time: seconds ? vimix.time(seconds) : "" }));
    target?.changed?.();
    vimix.stops();
  }
  const buttons = () => vimix.parts.stage.querySelectorAll("[data-tool]");
  mend.stops = () => [...new Set(marks.map((mark) => mark.index))].sort((one, other) => one - other);

  async function choose(tool) {
    if (!vimix.player.open) {
      say($("mend-note"), vimix.t("player_opening"));
      show($("mend"), true);
      try {
        await vimix.player.start();
      } catch (error) {
        return say($("mend-note"), vimix.t("player_failed"));
      }
    }
    use(tool);
    if (mend.tool) $("marks").focus();
  }

  function add(mark) {
    const { index } = vimix.player;
    const painted = new Set(marks.filter((each) => !clicks(each)).map((each) => each.index));
    const full = { index, tool: mend.tool, radius: Number($("brush").value) / 200, ...mark };
    if (!clicks(full) && !painted.has(index) && painted.size + target.painted >= PAINTS) return say($("mend-note"), vimix.t("paints_full", { n: PAINTS }));
    marks.push(full);
    tell();
    ask(index);
  }

  // A click finds what it hits by its looks; all else is painted.
  const clicks = (mark) => target.clicks(mark);

  function undo() {
    const last = marks.pop();
    if (!last) return;
    tell();
    vimix.player.go(last.index);
    ask(last.index);
  }

  // Show the frame with all that is marked in it.
  async function ask(index) {
    const turn = {};
    const asked = target;
    asking.set(index, turn);
    const here = marks.filter((mark) => mark.index === index);
    if (!here.length) return vimix.player.fix(index, null);
    $("zoomed").classList.add("vx-busy");
    const time = (index + 0.5) / vimix.player.rate;
    const answer = await target.ask({ time: vimix.player.still ? 0 : time, point: points(here), paint: paints(here) });
    if (asking.get(index) !== turn || target !== asked) return;
    $("zoomed").classList.remove("vx-busy");
    if (answer.kind === "error") return say($("mend-note"), vimix.said(answer.error));
    const picture = new Image();
    picture.src = answer.picture;
    await picture.decode();
    vimix.player.fix(index, picture);
    say($("mend-note"), vimix.t(here.length > 1 ? "mended_frame" : "mended_frame_one", { n: here.length }));
  }

  const moment = (index) => (target.start + (vimix.player.still ? 0 : (index + 0.5) / vimix.player.rate)).toFixed(3);
  const points = (some) => some.filter(clicks).map(({ tool, index, path: [[x, y]] }) => `${tool === "keep" ? "" : "-"}${x.toFixed(4)},${y.toFixed(4)},${moment(index)}`);

  // One picture a frame: green where something is kept, red where it is removed.
  function paints(some) {
    const painted = some.filter((mark) => !clicks(mark));
    return [...new Set(painted.map((mark) => mark.index))].map((index) => {
      const canvas = Object.assign(document.createElement("canvas"), { width: $("marks").width, height: $("marks").height });
      for (const mark of painted.filter((each) => each.index === index)) line(canvas.getContext("2d"), mark, 1);
      return `${canvas.toDataURL("image/png")}@${moment(index)}`;
    });
  }

  function line(context, { tool, radius, path }, opacity) {
    const { width, height } = context.canvas;
    context.strokeStyle = `rgba(${COLOURS[tool]}, ${opacity})`;
    Object.assign(context, { lineWidth: 2 * radius * width, lineCap: "round", lineJoin: "round" });
    context.beginPath();
    context.moveTo(path[0][0] * width, path[0][1] * height);
    for (const [x, y] of path.length > 1 ? path : [path[0]]) context.lineTo(x * width + 0.01, y * height);
    context.stroke();
  }

  function ring(context, { tool, path: [[x, y]] }) {
    const { width, height } = context.canvas;
    for (const [colour, thick] of [["#fff", 5], [`rgb(${COLOURS[tool]})`, 2.5]]) {
      Object.assign(context, { strokeStyle: colour, lineWidth: thick });
      context.beginPath();
      context.arc(x * width, y * height, 7, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  function crosshair(context) {
    const { width, height } = context.canvas;
    const [x, y] = [cross[0] * width, cross[1] * height];
    for (const [colour, thick] of [["#000", 4], ["#fff", 1.5]]) {
      Object.assign(context, { strokeStyle: colour, lineWidth: thick });
      context.beginPath();
      for (const [a, b] of [[0, 1], [1, 0]]) {
        context.moveTo(x - 14 * a, y - 14 * b);
        context.lineTo(x + 14 * a, y + 14 * b);
      }
      context.stroke();
    }
  }

  vimix.mendPart = () => {
    for (const button of buttons()) button.addEventListener("click", () => choose(button.dataset.tool));
    $("undo").addEventListener("click", undo);
    $("apply").addEventListener("click", () => target.apply(points(marks), paints(marks), $("apply")));
    const canvas = $("marks");
    canvas.addEventListener("pointerdown", (event) => {
      if (!mend.tool) return;
      event.preventDefault();
      canvas.focus();
      canvas.setPointerCapture(event.pointerId);
      vimix.player.toggle(false);
      cross = null;
      const from = [event.clientX, event.clientY];
      const path = [vimix.player.place(event)];
      const move = (now) => {
        if (!stroke && Math.hypot(now.clientX - from[0], now.clientY - from[1]) <= CLICK) return;
        path.push(vimix.player.place(now));
        stroke = { tool: mend.tool, radius: Number($("brush").value) / 200, path };
        mend.paint();
      };
      canvas.addEventListener("pointermove", move);
      canvas.addEventListener("lostpointercapture", () => {
        canvas.removeEventListener("pointermove", move);
        const drawn = Boolean(stroke);
        stroke = null;
        if (path[0].every((each) => each >= 0 && each <= 1) || drawn) add({ path, click: !drawn });
        vimix.player.paint();
      }, { once: true });
    });
  };
})();
