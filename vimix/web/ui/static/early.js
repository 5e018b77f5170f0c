// Runs before Gradio's scripts: the language and theme that were chosen here before, or are asked for in the address.
(() => {
  const query = new URLSearchParams(location.search);
  const memory = (key) => {
    try {
      return JSON.parse(localStorage.getItem(`vimix.${key}`));
    } catch {
      return null;
    }
  };
  const language = query.get("lang") || memory("language");
  if (["en", "es"].includes(language)) {
    Object.defineProperty(navigator, "language", { get: () => language });
    Object.defineProperty(navigator, "languages", { get: () => [language] });
    document.documentElement.lang = language;
  }
  const theme = query.get("theme") || memory("theme");
  if (["light", "dark"].includes(theme) && !query.has("__theme")) {
    query.set("__theme", theme);
    history.replaceState(null, "", `?${query}`);
  }
})();
