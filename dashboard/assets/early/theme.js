// Sets the theme before anything is painted. Loaded in the head, before the bundles.
(function () {
  const saved = document.cookie.match(/(?:^|; )theme=(light|dark)/);
  const theme = saved ? saved[1] : matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  window.headroomTheme = function (name) {
    const root = document.documentElement;
    root.dataset.mantineColorScheme = name;
    root.dataset.agThemeMode = name;
    root.dataset.theme = name;
    document.cookie = `theme=${name}; path=/; max-age=31536000; samesite=lax`;
  };
  window.headroomTheme(theme);
  let rail = null;
  try {
    rail = localStorage.getItem("rail");
  } catch (_) {
    // Storage may be forbidden; the rail then starts unfolded.
  }
  if (rail === "folded") document.documentElement.dataset.rail = "folded";
})();
