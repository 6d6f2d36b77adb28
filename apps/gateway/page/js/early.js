// Before anything is drawn: the colours and the language that the reader chose.
// Not a module, because modules run after the first picture.
(() => {
  const root = document.documentElement;
  try {
    const theme = localStorage.getItem("gozon.theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    const language = localStorage.getItem("gozon.language");
    const wanted = language ?? (navigator.language.startsWith("ru") ? "ru" : "en");
    root.lang = wanted === "ru" ? "ru" : "en";
  } catch {
    // A browser that keeps nothing for us: its own preferences decide.
  }
})();
