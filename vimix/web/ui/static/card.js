// What one takes away: download, link, snippets, other formats, and the file's facts in plain words.
(() => {
  const { $, make, show, say } = vimix;
  let view = null;

  vimix.cardPart = () => {
    document.querySelector(".gradio-container").append($("dialog")); // where no hidden part hides it
    $("link").addEventListener("click", () => copy(page(), $("link"), "copy_link"));
    show($("send"), Boolean(navigator.canShare));
    $("send").addEventListener("click", share);
    $("embed").addEventListener("click", () => dialog(vimix.t("embed"), { HTML: snippet() }));
    $("api").addEventListener("click", () => dialog(vimix.t("api"), calls(view.options)));
    $("dialog-close").addEventListener("click", () => $("dialog").close());
    $("dialog-copy").addEventListener("click", () => copy($("dialog").querySelector("code").textContent, $("dialog-copy"), "copy"));
    $("download").addEventListener("click", (event) => {
      if (!vimix.finish.pending()) return;
      event.preventDefault(); // the file has another background than is shown
      vimix.finish.save($("download"));
    });
    $("again").addEventListener("click", () => vimix.again());
    $("new").addEventListener("click", () => vimix.fresh());
  };

  const page = () => new URL(`j/${view.job}`, document.baseURI).href;
  const file = () => new URL(view.url, document.baseURI).href;

  async function copy(text, button, key) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // no clipboard without https: select by hand
      const area = make("textarea", { class: "vx-unseen" });
      area.value = text;
      button.after(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    say(button, vimix.t("copied"));
    setTimeout(() => say(button, vimix.t(key)), 1600);
  }

  // The device's own share sheet, with the file, or with a link to it where files cannot be shared.
  async function share() {
    const link = { title: view.save_as, url: page() };
    try {
      const content = await (await fetch(view.url)).blob();
      const files = { files: [new File([content], view.save_as, { type: view.mime })] };
      await navigator.share(navigator.canShare(files) ? files : link);
    } catch (error) {
      if (error.name !== "AbortError") vimix.cardError(vimix.t("share_failed"));
    }
  }

  function clear() {
    for (const id of ["card-text", "card-error", "download", "share", "how", "batch", "notes", "purposes", "shapes", "also", "plays", "stickers", "facts", "again", "to-list", "cancel-all"])
      show($(id), false);
    say($("card-took"), "");
    $("card-error").after($("download"));
    $("download").className = "vx-button";
    $("new").before($("again"));
    for (const id of ["again", "new"]) $(id).className = "vx-ghost";
  }

  vimix.clear_card = () => clear();

  function error(text) {
    say($("card-error"), vimix.said(text));
    show($("card-error"), Boolean(text));
  }
  vimix.cardError = error;

  vimix.card = (given) => {
    view = given;
    clear();
    const facts = view.card;
    if (view.state === "done") {
      say($("card-title"), vimix.t("ready"));
      const took = facts?.cached === true || facts?.cached === "result" ? vimix.t("ready_cached") : facts?.took ? vimix.t("ready_in", { time: vimix.time(facts.took) }) : "";
      say($("card-took"), took);
    } else if (view.state === "cancelled") {
      say($("card-title"), vimix.t("cancelled"));
      text(view.done ? vimix.t("cancelled_text", { done: view.done }) : "");
    } else {
      say($("card-title"), vimix.t("failed"));
      error(view.error);
    }
    show($("again"), vimix.clip.clips.length > 0);
    if (view.url) offer(facts);
  };

  function text(said) {
    say($("card-text"), said);
    show($("card-text"), Boolean(said));
  }

  function offer(facts) {
    const link = $("download");
    link.href = view.url;
    link.download = view.save_as;
    vimix.saveLabel();
    show(link, true);
    if (view.state !== "done") return;
    if (vimix.finish.downloads()) link.click(); // that was what the background was saved for
    if (facts) notes(facts.warnings.filter((warning) => !facts.nothing || !warning.startsWith("Nothing was found")));
    if (facts?.nothing) return nothing(link);
    show($("share"), true);
    how(view.options.fit);
    chips("purposes", purposes());
    chips("also", formats());
    chips("shapes", shapes());
    chips("stickers", stickers(facts?.fits || []));
    if (!facts) return;
    say($("plays").querySelector("h3"), vimix.t(view.mime === "application/zip" ? "opens_in" : facts.alpha ? "plays_in" : "plays_in_plain"));
    chips("plays", facts.plays_in.map((name) => make("span", { class: "vx-chip vx-ok" }, `✓ ${vimix.said(name)}`)));
    facts_line(facts);
  }

  // A sticker is of no use before it is where it belongs.
  function how(platform) {
    const key = `how_${platform}`;
    if (!(key in vimix.facts.words.en)) return;
    say($("how").querySelector("p"), vimix.t(key));
    show($("how"), true);
  }

  // What the button gives: the file as it is, or one more with the background that is shown.
  vimix.saveLabel = () => {
    const key = vimix.finish.pending() ? "save_shown" : view.state === "done" ? "download" : "download_partial";
    const size = vimix.finish.pending() ? "" : vimix.size(view.card?.bytes);
    say($("download"), vimix.t(key, { format: vimix.said(view.label).replace(/ \(.*\)/, ""), size }).replace(/\s· $/, ""));
  };

  function notes(said) {
    $("notes").replaceChildren(...said.map((note) => make("li", {}, vimix.said(note))));
    show($("notes"), said.length > 0);
  }

  // What to do comes first then; the empty file is there for who wants it.
  function nothing(link) {
    say($("card-title"), vimix.t("nothing"));
    say($("card-took"), "");
    text(vimix.t("nothing_found"));
    $("card-text").after($("again"));
    $("again").className = "vx-button";
    link.className = "vx-ghost";
    $("new").before(link);
  }

  function chips(id, nodes) {
    $(id).querySelector(".vx-chips").replaceChildren(...nodes);
    show($(id), nodes.length > 0);
  }

  const chip = (label, wish, more = {}) => {
    const button = make("button", { type: "button", class: "vx-chip", ...more }, label);
    button.addEventListener("click", () => (vimix.finish.pending() ? vimix.finish.also(wish, button) : vimix.also(view.job, wish, button)));
    return button;
  };
  // The same by what it is for: WebP moves in every browser, editors take ProRes, and slides show GIF.
  const PURPOSES = { website: "webp", editor: "mov", slides: "gif", games: "sprites" };
  const purposes = () =>
    Object.entries(PURPOSES)
      .filter(([, format]) => vimix.facts.formats.some((row) => row.name === format))
      .map(([name, format]) => {
        const here = view.format === format && !view.options.fit;
        return chip((here ? "✓ " : "") + vimix.t(`for_${name}`), { format }, { class: here ? "vx-chip vx-ok" : "vx-chip", disabled: here });
      });
  // Cut along the subject; stickers have shapes of their own.
  const SHAPES = { "9:16": "shape_tall", "1:1": "shape_square", "16:9": "shape_wide", none: "shape_whole" };
  const shapes = () =>
    view.options.fit
      ? []
      : Object.entries(SHAPES)
          .filter(([crop]) => crop !== view.options.crop.replace("auto", "none"))
          .map(([crop, key]) => chip(vimix.t(key), { crop }));
  const formats = () =>
    vimix.facts.formats.filter((row) => row.name !== view.format || view.options.fit).map((row) => chip(vimix.said(row.label), { format: row.name }));

  // A tick where this very file is taken already; otherwise a new one is made, and the title says why.
  function stickers(fits) {
    const answers = Object.fromEntries(fits.map((row) => [row.name, row.reasons]));
    return vimix.facts.presets.map((row) => {
      const reasons = answers[row.name];
      const fine = reasons && !reasons.length;
      return chip((fine ? "✓ " : "") + vimix.said(row.label), { fit: row.name }, { class: fine ? "vx-chip vx-ok" : "vx-chip", title: reasons?.map(vimix.said).join("; ") || undefined, disabled: fine || row.name === view.options.fit });
    });
  }

  function facts_line(facts) {
    const words = [];
    if (facts.width) words.push(`${facts.width} × ${facts.height}`);
    if (facts.frames) words.push(facts.frames === 1 ? vimix.t("frames_one") : vimix.t("frames", { n: vimix.number(facts.frames) }));
    if (facts.seconds) words.push(vimix.t("sec", { n: vimix.number(facts.seconds, 2) }));
    words.push(vimix.t(facts.alpha ? "transparent" : "opaque"));
    if (facts.audio) words.push(vimix.t("with_sound"));
    else if (facts.source_audio) words.push(vimix.t("sound_dropped", { format: vimix.said(view.label).replace(/ \(.*\)/, "") }));
    const rate = facts.frames > 1 && facts.seconds ? facts.frames / facts.seconds : 0;
    if (rate && facts.source_fps > rate * 1.05) words.push(vimix.t("rate_of", { fps: vimix.number(rate, 0), source: vimix.number(facts.source_fps, 0) }));
    if (view.expires) words.push(vimix.t("deleted_on", { when: vimix.when(view.expires) }));
    const line = $("facts");
    line.replaceChildren(words.join("\u00a0· ")); // no line begins with a dot
    if (vimix.token(view.job)) {
      line.append("\u00a0· ", make("button", { type: "button", class: "vx-link", id: "vx-delete", onclick: () => vimix.remove(view.job) }, vimix.t("delete_now")));
    }
    show(line, true);
  }

  vimix.gone = () => {
    clear();
    say($("card-title"), vimix.t("expired"));
    text(vimix.t("expired_text", { hours: vimix.facts.hours }));
    $("new").className = "vx-button";
  };

  vimix.trouble = (message) => {
    clear();
    say($("card-title"), vimix.t("failed"));
    error(message);
    show($("again"), vimix.clip.clips.length > 0);
  };

  // Snippets, with this run's values.
  function snippet() {
    const { width, height } = view.card || {};
    const size = width ? ` width="${width}" height="${height}"` : "";
    if (view.mime.startsWith("image/")) return `<picture>\n  <source srcset="${file()}" type="${view.mime}">\n  <img src="${file()}"${size} alt="">\n</picture>`;
    return `<video${size} autoplay loop muted playsinline>\n  <source src="${file()}" type="${view.mime}">\n</video>`;
  }

  vimix.apiSnippet = () => dialog(vimix.t("api"), calls({ quality: "balanced", format: "webm" }));

  function calls(options) {
    const root = new URL(".", document.baseURI).href.replace(/\/$/, "");
    const asked = Object.fromEntries(Object.entries(options).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(vimix.facts.defaults[key])));
    const python = Object.entries(asked).map(([key, value]) => `    ${key}=${value === true ? "True" : JSON.stringify(value)},\n`).join("");
    const body = JSON.stringify({ clip: { path: "UPLOADED", meta: { _type: "gradio.FileData" } }, ...asked });
    return {
      Python: `from gradio_client import Client, handle_file\n\nclient = Client("${root}")\nfile, card = client.predict(\n    handle_file("clip.mp4"),\n${python}    api_name="/remove_background",\n)`,
      JavaScript: `import { Client, handle_file } from "@gradio/client";\n\nconst client = await Client.connect("${root}");\nconst { data } = await client.predict("/remove_background", ${JSON.stringify({ ...asked }, null, 2).replace("{", '{\n  "clip": handle_file(file),').replace(",}", "}")});`,
      curl: `UPLOADED=$(curl -s -F files=@clip.mp4 ${root}/gradio_api/upload | tr -d '[]"')\nEVENT=$(curl -s ${root}/gradio_api/call/v2/remove_background -H "Content-Type: application/json" \\\n  -d '${body.replace("UPLOADED", "'$UPLOADED'")}' | cut -d'"' -f4)\ncurl -N ${root}/gradio_api/call/remove_background/$EVENT`,
    };
  }

  vimix.embedSnippet = () => {
    const root = new URL("embed", document.baseURI).href;
    dialog(vimix.t("nav_embed_title"), { HTML: `<iframe src="${root}?format=webp" width="100%" height="640"\n  allow="clipboard-write" style="border: 0"></iframe>` });
  };

  function dialog(title, texts) {
    const box = $("dialog");
    say($("dialog-title"), title);
    const names = Object.keys(texts);
    const tabs = box.querySelector(".vx-tabs");
    const open = (name) => {
      box.querySelector("code").textContent = texts[name];
      for (const tab of tabs.children) tab.setAttribute("aria-selected", tab.textContent === name);
    };
    tabs.replaceChildren(...names.map((name) => make("button", { type: "button", role: "tab", onclick: () => open(name) }, name)));
    show(tabs, names.length > 1);
    open(names[0]);
    box.showModal();
  }
})();
