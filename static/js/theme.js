// Before anything is drawn: without a choice of the visitor the theme is that of the system.
(() => {
  const root = document.documentElement;
  if (!root.dataset.bsTheme) {
    const dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.bsTheme = dark ? "dark" : "light";
  }
})();
