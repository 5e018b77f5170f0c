// How far a job is, for those who look at another tab: in the tab's title, and at the end in a notification.
(() => {
  const { $, make, show } = vimix;
  const LONG = 20; // seconds that are left from which somebody may want to look elsewhere
  let running = "";

  vimix.tabTitle = (view) => {
    const name = view?.name || vimix.history.name(view?.job) || "";
    if (!view) document.title = "Vimix";
    else if (view.state === "queued") document.title = `${vimix.t("s_queued")} · ${name} · Vimix`;
    else if (view.state === "running") {
      const share = view.total ? `${Math.floor((100 * Math.min(view.done, view.total)) / view.total)} %` : vimix.t("s_running");
      document.title = `${share} · ${name} · Vimix`;
    } else document.title = `${vimix.t(`s_${view.state}`)} · ${name} · Vimix`;
    if (view && vimix.live(view)) {
      running = view.job;
      offer(view);
    } else {
      if (view && running === view.job) tell(view, name);
      running = "";
    }
  };

  // Asked for once: who says no, or nothing, is left alone.
  function offer(view) {
    const possible = "Notification" in window && Notification.permission === "default" && !vimix.embedded;
    if (!possible || vimix.memory.get("notify", false) || !(view.left > LONG) || $("notify")) return;
    const ask = async () => {
      vimix.memory.set("notify", true);
      show($("notify"), false);
      await Notification.requestPermission();
    };
    $("cancel").before(make("button", { type: "button", class: "vx-ghost", id: "vx-notify", onclick: ask }, vimix.t("notify")));
  }

  function tell(view, name) {
    if (!document.hidden || !("Notification" in window) || Notification.permission !== "granted") return;
    const text = view.state === "done" ? "notify_done" : "notify_ended";
    const told = new Notification(vimix.t(text, { name }), { icon: "page/icon-192.png", tag: view.job });
    told.onclick = () => {
      focus();
      told.close();
    };
  }
})();
