// Forms whose answers go into the address, and buttons that copy. No state but the address.
(function () {
  const PLACE = ["provider", "site", "team"];

  function send(form) {
    const asked = new URLSearchParams();
    const here = new URLSearchParams(location.search);
    for (const name of PLACE) if (here.get(name)) asked.set(name, here.get(name));
    for (const [name, value] of new FormData(form)) if (String(value).trim()) asked.set(name, String(value).trim());
    window.headroomGo(`${form.dataset.goes}?${asked}`);
  }

  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-goes]");
    if (!form) return;
    event.preventDefault();
    send(form);
  });

  // A choice that changes what the other fields mean empties them and asks at once.
  document.addEventListener("change", (event) => {
    const chosen = event.target.closest && event.target.closest("form[data-goes] [data-fresh]");
    if (!chosen) return;
    for (const name of chosen.dataset.fresh.split(" ")) {
      const field = chosen.form.elements.namedItem(name);
      if (field) field.disabled = true;
    }
    send(chosen.form);
    for (const field of chosen.form.elements) field.disabled = false;
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest && event.target.closest("[data-copies]");
    if (!button) return;
    const text = document.getElementById(button.dataset.copies);
    if (!text) return;
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = "Copied";
    } catch (_) {
      // Browsers copy only over https or on this machine: the text is selected, to be copied by hand.
      getSelection().selectAllChildren(text);
      button.textContent = "Selected";
    }
  });
})();
