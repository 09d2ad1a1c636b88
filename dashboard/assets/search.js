// Ctrl-K: finds services, resources and pages by any part of their names.
(function () {
  let entries = null;
  let chosen = 0;
  let found = [];

  async function load() {
    const answer = await fetch("/search.json", { credentials: "same-origin" });
    entries = answer.ok ? await answer.json() : [];
  }

  function score(entry, words) {
    const name = entry.name.toLowerCase();
    const text = `${name} ${entry.words.toLowerCase()} ${entry.kind}`;
    if (!words.every((word) => text.includes(word))) return -1;
    const first = words[0] || "";
    const rank = { page: 2, service: 1, resource: 0 }[entry.kind];
    return (name === first ? 100 : name.startsWith(first) ? 50 : name.includes(first) ? 20 : 0) + rank;
  }

  function show() {
    const words = document.getElementById("search-words").value.toLowerCase().split(/\s+/).filter(Boolean);
    found = (entries || [])
      .map((entry) => [score(entry, words), entry])
      .filter(([points]) => points >= 0)
      .sort((a, b) => b[0] - a[0] || a[1].name.localeCompare(b[1].name))
      .slice(0, 12)
      .map(([, entry]) => entry);
    chosen = 0;
    const list = document.getElementById("search-found");
    list.replaceChildren(
      ...found.map((entry, i) => {
        const row = document.createElement("a");
        row.href = href(entry);
        row.className = "found";
        row.setAttribute("role", "option");
        row.setAttribute("aria-selected", String(i === chosen));
        for (const [text, kind] of [[entry.name, "found-name"], [entry.words, "found-words"], [entry.kind, "found-kind"]]) {
          const part = document.createElement("span");
          part.className = kind;
          part.textContent = text;
          row.append(part);
        }
        row.addEventListener("click", close);
        return row;
      })
    );
    if (!found.length) {
      const none = document.createElement("p");
      none.className = "found-none";
      none.textContent = entries === null ? "Loading" : "Nothing is called that.";
      list.append(none);
    }
  }

  function href(entry) {
    return entry.kind === "page" ? entry.path : `/${entry.kind}?name=${encodeURIComponent(entry.name)}`;
  }

  function mark() {
    document.querySelectorAll("#search-found .found").forEach((row, i) => {
      row.setAttribute("aria-selected", String(i === chosen));
      if (i === chosen) row.scrollIntoView({ block: "nearest" });
    });
  }

  function close() {
    document.getElementById("search").close();
  }

  window.headroomSearch = async function () {
    const dialog = document.getElementById("search");
    if (!dialog || dialog.open) return;
    dialog.showModal();
    const box = document.getElementById("search-words");
    box.select();
    show();
    await load();
    show();
  };

  document.addEventListener("keydown", (event) => {
    const dialog = document.getElementById("search");
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      window.headroomSearch();
      return;
    }
    if (!dialog || !dialog.open) return;
    if (event.key === "ArrowDown") chosen = Math.min(chosen + 1, found.length - 1);
    else if (event.key === "ArrowUp") chosen = Math.max(chosen - 1, 0);
    else if (event.key === "Enter" && found[chosen]) {
      close();
      window.headroomGo(href(found[chosen]));
    } else return;
    event.preventDefault();
    mark();
  });
  document.addEventListener("input", (event) => {
    if (event.target.id === "search-words") show();
  });
  document.addEventListener("click", (event) => {
    if (event.target.id === "search") close();
  });
})();
