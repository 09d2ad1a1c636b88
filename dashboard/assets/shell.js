// The frame: links without reloading, titles, theme, rail. No state but the address, the theme and the rail.
(function () {
  const root = document.documentElement;

  function go(href) {
    const before = location.pathname;
    history.pushState({}, "", href);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    delete root.dataset.menu;
    if (location.pathname !== before) {
      window.scrollTo(0, 0);
      const page = document.getElementById("page");
      if (page) page.focus({ preventScroll: true });
    }
  }
  window.headroomGo = go;

  // Same server, same tab, no file: followed by the page callback instead of a new page load.
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const anchor = event.target.closest && event.target.closest("a[href]");
    if (!anchor || anchor.target || anchor.hasAttribute("download")) return;
    const url = new URL(anchor.href, location.href);
    if (url.origin !== location.origin || url.pathname.startsWith("/download/")) return;
    const hash = anchor.getAttribute("href");
    if (hash === "#search") {
      event.preventDefault();
      if (window.headroomSearch) window.headroomSearch();
      return;
    }
    if (hash.startsWith("#")) return;
    event.preventDefault();
    go(url.pathname + url.search);
  });

  const actions = {
    theme() {
      const name = root.dataset.theme === "dark" ? "light" : "dark";
      window.headroomTheme(name);
      // Charts carry their colours, so the page is asked for again.
      window.dash_clientside.set_props("theme", { data: name });
    },
    fold() {
      const folded = root.dataset.rail !== "folded";
      if (folded) root.dataset.rail = "folded";
      else delete root.dataset.rail;
      try {
        localStorage.setItem("rail", folded ? "folded" : "open");
      } catch (_) {
        // Storage may be forbidden; the choice then lasts until the next load.
      }
      window.dispatchEvent(new Event("resize"));
    },
    menu() {
      if (root.dataset.menu === "open") delete root.dataset.menu;
      else root.dataset.menu = "open";
    },
    search() {
      if (window.headroomSearch) window.headroomSearch();
    },
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("[data-action]");
    if (button && actions[button.dataset.action]) actions[button.dataset.action]();
    else if (root.dataset.menu === "open" && !event.target.closest("#rail")) delete root.dataset.menu;
  });

  // A server that does not answer is said, not swallowed; what is shown stays and still holds for its run.
  const plainFetch = window.fetch;
  window.fetch = async (...asked) => {
    const page = String(asked[0] && asked[0].url ? asked[0].url : asked[0]).includes("_dash-update-component");
    try {
      const answer = await plainFetch(...asked);
      if (page) root.toggleAttribute("data-unanswered", answer.status >= 500);
      return answer;
    } catch (error) {
      if (page) root.toggleAttribute("data-unanswered", true);
      throw error;
    }
  };

  // The page names itself; the browser's tab and history show it.
  function title() {
    const named = document.querySelector("[data-title]");
    if (named && document.title !== named.dataset.title) document.title = named.dataset.title;
  }
  new MutationObserver(title).observe(document.body, { childList: true, subtree: true, attributeFilter: ["data-title"] });

  // On a narrow screen a grid's state is its mark alone and names are shorter, so that what matters is in sight.
  function fit() {
    if (window.innerWidth > 820 || !window.dash_ag_grid) return;
    for (const grid of document.querySelectorAll(".grid > [id]:not([data-fitted])")) {
      const api = window.dash_ag_grid.getApi(grid.id);
      if (!api || !api.getColumn("status")) continue;
      grid.dataset.fitted = "";
      api.setColumnWidths([{ key: "resource", newWidth: 146 }, { key: "status", newWidth: 44 }]);
    }
  }
  new MutationObserver(fit).observe(document.body, { childList: true, subtree: true });

  // Rows that open: a click anywhere on the row does what its link does.
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || !event.target.closest) return;
    const row = event.target.closest("[data-opens] .ag-row[row-id]");
    if (!row || event.target.closest("a, button, input") || String(getSelection())) return;
    const url = new URL(location.href);
    url.searchParams.set("open", row.getAttribute("row-id"));
    go(url.pathname + url.search);
  });

  // By keyboard: Enter in a cell of a grid follows its link, or opens its row.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.defaultPrevented || !event.target.classList) return;
    if (!event.target.classList.contains("ag-cell")) return;
    const way = event.target.querySelector("a[href]") || event.target;
    way.click();
  });

  // Quick filters above grids: typed words filter at once and stay in the address.
  document.addEventListener("input", (event) => {
    const box = event.target.closest && event.target.closest("[data-filters]");
    if (!box) return;
    const id = box.dataset.filters;
    const words = event.target.value;
    const api = window.dash_ag_grid && window.dash_ag_grid.getApi(id);
    if (api) api.setGridOption("quickFilterText", words);
    const url = new URL(location.href);
    if (words) url.searchParams.set("words", words);
    else url.searchParams.delete("words");
    history.replaceState(history.state, "", url.pathname + url.search);
    // The files hold what is shown.
    for (const file of document.querySelectorAll(".answer-line a[download]")) {
      const asked = new URL(file.href);
      if (words) asked.searchParams.set("words", words);
      else asked.searchParams.delete("words");
      file.href = asked.pathname + asked.search;
    }
  });
})();
