// Taking files in: chosen, dropped anywhere, pasted, or by address. An upload goes on beside whatever is looked at.
(() => {
  const { $, show, say } = vimix;
  const MAX = 20;
  let under_way = null; // {abort, began}: what Cancel ends
  let waiting = []; // clips that are here while something else is looked at

  vimix.uploadPart = () => {
    const input = $("file");
    input.addEventListener("change", () => {
      take([...input.files]);
      input.value = "";
    });
    const carries = (event) => event.dataTransfer?.types.includes("Files");
    const cue = (on) => show($("anywhere"), on);
    for (const kind of ["dragenter", "dragover"])
      addEventListener(kind, (event) => {
        if (!carries(event)) return;
        event.preventDefault();
        cue(true);
      });
    addEventListener("dragleave", (event) => event.relatedTarget || cue(false));
    addEventListener("drop", (event) => {
      cue(false);
      if (!event.dataTransfer?.files.length) return;
      event.preventDefault();
      take([...event.dataTransfer.files]);
    });
    addEventListener("paste", pasted);
    $("link-in").placeholder = vimix.t("address");
    $("address").addEventListener("submit", (event) => {
      event.preventDefault();
      fetched($("link-in").value.trim());
    });
    $("upload-cancel").addEventListener("click", () => {
      under_way?.abort();
      waiting = [];
      show($("upload"), false);
    });
    $("upload-open").addEventListener("click", () => ready(waiting.splice(0), true));
  };

  function pasted(event) {
    const { clipboardData } = event;
    if (clipboardData?.files.length) return take([...clipboardData.files]);
    if (event.target.matches?.("input, textarea")) return;
    const text = clipboardData?.getData("text").trim() || "";
    if (/^https?:\/\/\S+$/.test(text)) fetched(text);
  }

  async function take(files) {
    const { facts } = vimix;
    fault("");
    const large = files.find((file) => file.size > facts.max_mb * 1e6);
    if (large) return fault(too_large(large));
    if (files.length > MAX) vimix.tell_small(vimix.t("too_many", { n: MAX }));
    const chosen = files.slice(0, MAX);
    const total = chosen.reduce((sum, file) => sum + file.size, 0);
    await begin(async (mine) => {
      const clips = [];
      let before = 0;
      for (const file of chosen) {
        const path = await send(file, (sent) => bar((before + sent) / total), mine);
        before += file.size;
        clips.push({ path, name: file.name, url: URL.createObjectURL(file) });
      }
      return clips;
    });
  }
  vimix.take = take;

  async function fetched(url) {
    fault("");
    await begin(async () => {
      bar(0, vimix.t("fetching_address"));
      const answer = await vimix.server.fetch_clip({ url });
      if (answer.kind === "error") throw Error(answer.error);
      $("link-in").value = "";
      return [{ path: answer.path, name: answer.name, url: answer.url }];
    });
  }

  async function begin(work) {
    under_way?.abort();
    const mine = { ended: false, requests: [] };
    mine.abort = () => {
      mine.ended = true;
      for (const request of mine.requests) request.abort();
    };
    under_way = mine;
    const screen = document.body.dataset.vx;
    try {
      const clips = await work(mine);
      if (!mine.ended) ready(clips, document.body.dataset.vx === screen && (screen === "start" || screen === "setup"));
    } catch (error) {
      if (!mine.ended) fault(error.message);
    } finally {
      if (under_way === mine) under_way = null;
      if (!waiting.length && !under_way) show($("upload"), false);
    }
  }

  // What is looked at stays; a clip that came meanwhile waits to be asked for.
  function ready(clips, at_once) {
    if (at_once) {
      show($("upload"), false);
      return vimix.choose(clips);
    }
    waiting = clips;
    bar(1, vimix.t("upload_ready", { name: clips[0].name }));
    show($("upload").querySelector(".vx-bar"), false);
    show($("upload-open"), true);
  }

  function bar(share, text) {
    const percent = Math.min(100, Math.round(share * 100));
    const line = $("upload").querySelector(".vx-bar");
    show($("upload"), true);
    show($("upload-open"), false);
    show(line, true);
    line.classList.toggle("vx-unknown", Boolean(text));
    line.setAttribute("aria-valuenow", percent);
    line.firstElementChild.style.width = `${percent}%`;
    say($("upload").querySelector(".vx-upload-text"), text || vimix.t("uploading", { percent }));
  }

  const too_large = (file) => vimix.t("too_large", { name: file.name, size: vimix.size(file.size), mb: vimix.facts.max_mb });

  // fetch() cannot tell how much is sent; XMLHttpRequest can.
  function send(file, progress = () => {}, mine = { requests: [] }) {
    return new Promise((done, failed) => {
      const request = new XMLHttpRequest();
      const form = new FormData();
      form.append("files", file, file.name);
      mine.requests.push(request);
      request.open("POST", "gradio_api/upload");
      request.upload.onprogress = (event) => progress(Math.min(event.loaded, file.size));
      request.onload = () => {
        if (request.status === 200) return done(JSON.parse(request.responseText)[0]);
        const wait = Number(request.getResponseHeader("Retry-After") || 60);
        if (request.status === 429) return failed(Error(vimix.t("upload_busy", { wait: vimix.time(wait) })));
        if (request.status === 413) return failed(Error(too_large(file)));
        failed(Error(vimix.t(request.status >= 500 ? "server_away" : "upload_failed")));
      };
      request.onerror = () => failed(Error(vimix.t(navigator.onLine ? "upload_failed" : "offline")));
      request.onabort = () => failed(Error(""));
      request.send(form);
    });
  }
  vimix.send = send;

  // Where the eye is: on the first screen under the zone, elsewhere in the notice that the upload had.
  function fault(text) {
    const said = vimix.said(text);
    const start = ["start", undefined].includes(document.body.dataset.vx);
    say($("start-error"), start ? said : "");
    show($("start-error"), Boolean(text) && start);
    if (!start) vimix.tell_small(said);
  }
  vimix.fault = fault;
})();
