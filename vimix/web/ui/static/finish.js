// Finishing a result: what is behind the subject, chosen on the result itself. What is seen is what is saved.
(() => {
  const { $, make, show, say } = vimix;
  const COLOURS = ["#ffffff", "#000000", "#12b76a"];
  const GRADIENTS = { dawn: ["#ffb88c", "#de6262"], sea: ["#89f7fe", "#66a6ff"], night: ["#5b3df5", "#16181d"] };
  let view = null;
  let chosen = null; // a backdrop
  let saved = null; // the one that the file has
  const made = new Map(); // job to the backdrop that was sent for it
  let download = false; // whether the next result is to be downloaded at once

  // A backdrop has a name, how it is drawn, and what the server is asked for.
  const plain = { name: "none", paint() {}, wish: async () => ({ background: "transparent" }) };
  const colour = (code) => ({
    name: `colour ${code}`,
    css: code,
    paint(context, { width, height }) {
      context.fillStyle = code;
      context.fillRect(0, 0, width, height);
    },
    wish: async () => ({ background: code }),
  });
  const blur = { name: "blur", css: "linear-gradient(120deg, #b8c0cc, #7d8796, #aab3a2)", paint: blurred, wish: async () => ({ background: "blur" }) };

  // Drawn here, and sent as a picture of the result's size.
  const drawn = (name, css, paint) => ({ name, css, paint, wish: () => sent(paint) });
  const gradient = ([name, [from, to]]) =>
    drawn(name, `linear-gradient(160deg, ${from}, ${to})`, (context, { width, height }) => {
      const fill = context.createLinearGradient(0, 0, width * 0.35, height);
      fill.addColorStop(0, from);
      fill.addColorStop(1, to);
      context.fillStyle = fill;
      context.fillRect(0, 0, width, height);
    });
  const studio = drawn("studio", "radial-gradient(circle at 50% 35%, #fdfdfd, #c9ccd2 60%, #9a9fa9)", (context, { width, height }) => {
    const fill = context.createRadialGradient(width / 2, height * 0.35, 0, width / 2, height * 0.35, Math.hypot(width, height) * 0.6);
    for (const [at, code] of [[0, "#fdfdfd"], [0.6, "#c9ccd2"], [1, "#9a9fa9"]]) fill.addColorStop(at, code);
    context.fillStyle = fill;
    context.fillRect(0, 0, width, height);
  });
  const rays = drawn("rays", "repeating-conic-gradient(#ffd166 0 15deg, #ffe7a8 15deg 30deg)", (context, { width, height }) => {
    const reach = Math.hypot(width, height);
    for (let ray = 0; ray < 24; ray++) {
      context.fillStyle = ray % 2 ? "#ffe7a8" : "#ffd166";
      context.beginPath();
      context.moveTo(width / 2, height / 2);
      context.arc(width / 2, height / 2, reach, (ray * Math.PI) / 12 - Math.PI / 2, ((ray + 1.02) * Math.PI) / 12 - Math.PI / 2);
      context.fill();
    }
  });

  async function sent(paint) {
    const canvas = Object.assign(document.createElement("canvas"), { width: view.card.width, height: view.card.height });
    paint(canvas.getContext("2d"), canvas);
    const picture = await new Promise((done) => canvas.toBlob(done, "image/png"));
    return { background_path: await vimix.send(new File([picture], "background.png", { type: "image/png" }), () => {}) };
  }

  // The clip's own picture, far out of focus: small and large again, which every browser does alike.
  const small = document.createElement("canvas");
  function blurred(context, { width, height }, both) {
    Object.assign(small, { width: 24, height: Math.max(2, Math.round((24 * height) / width)) });
    small.getContext("2d").drawImage(both, 0, 0, width, height, 0, 0, small.width, small.height);
    context.imageSmoothingQuality = "high";
    context.drawImage(small, 0, 0, width, height);
  }

  // A picture or a clip of one's own, scaled to cover.
  async function own(file) {
    const moving = file.type.startsWith("video/");
    const source = moving ? Object.assign(document.createElement("video"), { muted: true, loop: true, playsInline: true }) : new Image();
    const url = URL.createObjectURL(file);
    await new Promise((done, failed) => {
      source[moving ? "onloadeddata" : "onload"] = done;
      source.onerror = failed;
      source.src = url;
    });
    const [wide, tall] = moving ? [source.videoWidth, source.videoHeight] : [source.naturalWidth, source.naturalHeight];
    if (moving) source.play().catch(() => {});
    return {
      name: "own",
      css: moving ? "var(--vx-soft)" : `center / cover url("${url}")`,
      paint(context, { width, height }) {
        const scale = Math.max(width / wide, height / tall);
        context.drawImage(source, (width - wide * scale) / 2, (height - tall * scale) / 2, wide * scale, tall * scale);
      },
      wish: async () => ({ background_path: await vimix.send(file, () => {}) }),
    };
  }

  const BACKDROPS = [plain, ...COLOURS.map(colour), blur, ...Object.entries(GRADIENTS).map(gradient), studio, rays];

  const finish = (vimix.finish = {
    // Whether what is behind that result can be drawn here: it is a colour, or was chosen on this page.
    knows: ({ job, options: { background } }) => made.has(job) || ["transparent", "blur"].includes(background) || /^#/.test(background),

    stand(finished) {
      view = finished;
      const { background } = view.options;
      const known = made.get(view.job) || BACKDROPS.find((each) => each.name === background || each.css === background);
      saved = chosen = known || (/^#/.test(background) ? colour(background) : plain);
      mark();
    },

    paint(context, both) {
      if (chosen) chosen.paint(context, context.canvas, both);
    },

    pending: () => vimix.player.open && chosen !== saved,

    // Another file of this clip, looking as it is shown.
    async also(changes, button) {
      const backdrop = chosen;
      const wish = finish.pending() ? await backdrop.wish() : {};
      const answer = await vimix.also(view.job, { ...wish, ...changes }, button);
      if (answer && wish.background_path) made.set(answer.tickets[0].job, backdrop);
      return answer;
    },

    // Whether the result that is shown now is to be downloaded without another click.
    downloads() {
      const now = download;
      download = false;
      return now;
    },

    async save(button) {
      button.setAttribute("aria-busy", true);
      try {
        download = true;
        if (!(await finish.also({}, button))) download = false;
      } catch (error) {
        vimix.cardError(error.message);
      }
      button.removeAttribute("aria-busy");
    },
  });

  function choose(backdrop) {
    chosen = backdrop;
    mark();
    vimix.player.paint();
    vimix.saveLabel?.();
  }

  function mark() {
    const swatches = [...$("behind").querySelectorAll("[role=radio]")];
    for (const each of swatches) {
      const on = each.dataset.name === chosen.name || (each.dataset.name === "own" && chosen.own);
      each.setAttribute("aria-checked", on);
      each.tabIndex = on ? 0 : -1;
    }
    if (!swatches.some((each) => each.tabIndex === 0)) swatches[0].tabIndex = 0;
  }

  async function open() {
    const on = $("behind").hidden;
    if (on && !vimix.player.open) {
      try {
        await vimix.player.start();
      } catch {
        return say($("mend-note"), vimix.t("player_failed")), show($("mend"), true);
      }
    }
    show($("behind"), on);
    $("behind-open").setAttribute("aria-expanded", on);
  }

  vimix.finishPart = () => {
    const swatch = (backdrop) => {
      const text = vimix.t(backdrop.name.startsWith("colour") ? "behind_colour" : `behind_${backdrop.name}`, { code: backdrop.css });
      const button = make("button", { type: "button", role: "radio", "data-name": backdrop.name, "aria-label": text, title: text, onclick: () => choose(backdrop) });
      if (backdrop.css) button.style.background = backdrop.css;
      return button;
    };
    const group = $("behind").querySelector("[role=radiogroup]");
    group.append(...BACKDROPS.map(swatch));
    group.addEventListener("keydown", (event) => {
      const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!way) return;
      const all = [...group.children];
      const next = all[(all.indexOf(document.activeElement) + way + all.length) % all.length];
      next.focus();
      next.click();
      event.preventDefault();
    });
    const picker = $("behind-colour");
    picker.addEventListener("input", () => choose(colour(picker.value)));
    const file = $("behind-file");
    file.addEventListener("change", async () => {
      if (!file.files[0]) return;
      try {
        choose(await own(file.files[0]));
      } catch {
        vimix.cardError(vimix.t("own_unreadable", { name: file.files[0].name }));
      }
      file.value = "";
    });
    $("behind-open").addEventListener("click", open);
    $("copy-picture").addEventListener("click", async () => {
      if (!vimix.player.open) await vimix.player.start().catch(() => {});
      try {
        await navigator.clipboard.write([new ClipboardItem({ "image/png": vimix.player.picture() })]);
        say($("copy-picture"), vimix.t("copied"));
      } catch {
        say($("copy-picture"), vimix.t("copy_failed"));
      }
      setTimeout(() => say($("copy-picture"), vimix.t("copy_picture")), 1600);
    });
  };
})();
