// When the line or the server is gone: said at the button that was pressed, and never in Gradio's English.
(() => {
  const { $, make, show, say } = vimix;
  let quiet = 0;

  // A small notice, for a while; of a lost line, for as long as it is lost.
  vimix.tell_small = (text, stays = false) => {
    clearTimeout(quiet);
    say($("told"), vimix.said(text));
    show($("told"), Boolean(text));
    if (!stays) quiet = setTimeout(() => show($("told"), false), 8000);
  };
  addEventListener("offline", () => vimix.tell_small(vimix.t("offline"), true));
  addEventListener("online", () => show($("told"), false));

  const why = () => vimix.t(navigator.onLine ? "server_away" : "offline");

  // The server's functions, which answer with an error where they cannot be reached.
  vimix.answering = (server) =>
    new Proxy(server, {
      get: (target, name) => async (asked) => {
        try {
          return (await target[name](asked)) ?? { kind: "error", error: why() }; // Gradio keeps a lost line to itself
        } catch {
          return { kind: "error", error: why() };
        }
      },
    });

  // Handing clips over is an event of Gradio's: whether it arrived is seen of its request alone.
  let sent = false;
  vimix.sending = (on) => {
    sent = on;
    document.body.classList.toggle("vx-sending", on);
  };
  const fetching = window.fetch;
  window.fetch = async (...asked) => {
    const joins = sent && String(asked[0]?.url || asked[0]).includes("/queue/join");
    try {
      const answer = await fetching(...asked);
      if (joins && !answer.ok) vimix.failed_to_send(why());
      return answer;
    } catch (error) {
      if (joins) vimix.failed_to_send(why());
      throw error;
    }
  };

  // Before anything is handed over: what is missing is said above the button.
  function missing() {
    if (!navigator.onLine) return "offline";
    const picture = document.querySelector('#vx-background input[value="picture"]')?.checked;
    return picture && !document.querySelector("#vx-picture .file-preview") ? "pick_background" : "";
  }
  document.addEventListener(
    "click",
    (event) => {
      const go = event.target.closest?.("#vx-go");
      if (!go) return;
      const fault = missing();
      if (!$("go-error")) go.before(make("p", { class: "vx-alert", id: "vx-go-error", role: "alert" }));
      say($("go-error"), fault ? vimix.t(fault) : "");
      show($("go-error"), Boolean(fault));
      if (!fault) {
        vimix.sending(true);
        return vimix.began();
      }
      event.stopImmediatePropagation();
      event.preventDefault();
    },
    true,
  );
})();
