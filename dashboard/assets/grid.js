// Cells of grids: numbers as people say them, states with shape and word, names that lead to their page.
(function () {
  const STATES = {
    under_provisioned: "under-provisioned",
    at_risk: "at risk",
    unknown: "unknown",
    right_sized: "right-sized",
    over_provisioned: "over-provisioned",
    idle: "idle",
  };
  const ORDER = Object.keys(STATES);
  const element = (...parts) => window.React.createElement(...parts);
  const none = (value) => value === null || value === undefined || Number.isNaN(value);
  const digits = (value, places) =>
    Math.abs(value).toLocaleString("en-GB", { minimumFractionDigits: places, maximumFractionDigits: places });
  const signed = (value, text) => (value < 0 ? `−${text}` : text);

  const functions = (window.dashAgGridFunctions = window.dashAgGridFunctions || {});
  functions.plain = (value) => {
    if (none(value)) return "–";
    const size = Math.abs(value);
    const places = size === 0 || size >= 20 ? 0 : size >= 1 ? 1 : 2;
    return signed(value, digits(value, places).replace(/\.0+$/, ""));
  };
  functions.money = (value) => (none(value) ? "–" : signed(value, digits(value, value !== 0 && Math.abs(value) < 10 ? 2 : 0)));
  functions.change = (value) => (none(value) ? "–" : value > 0 ? `+${functions.money(value)}` : functions.money(value));
  functions.share = (value) => {
    if (none(value)) return "–";
    const size = Math.abs(value) * 100;
    if (size > 0 && size < 0.1) return "under 0.1 %";
    return `${signed(value, digits(size, size >= 10 || size === 0 ? 0 : 1).replace(/\.0$/, ""))} %`;
  };
  functions.breach = (row) =>
    !row || none(row.breach_now) ? "–" : `${functions.share(row.breach_now).replace(" %", "")} → ${functions.share(row.breach_then)}`;
  functions.chance = (value) => {
    if (none(value)) return "–";
    return value < 0.01 ? "under 1 %" : value > 0.99 ? "over 99 %" : `${Math.round(value * 100)} %`;
  };
  functions.date = (value) => {
    if (none(value)) return "–";
    const day = new Date(`${String(value).slice(0, 10)}T00:00:00Z`);
    return day.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
  };
  // No line begins with a lonely per cent sign.
  functions.sentence = (value) => (none(value) ? "–" : String(value).replace(/ %/g, "\u00a0%"));
  functions.due = (row) => (!row || none(row.buy_by) ? "–" : row.due);
  functions.byUrgency = (a, b) => ORDER.indexOf(a) - ORDER.indexOf(b);
  functions.nothing = () => "";
  functions.stateWord = (row) => STATES[row && row.status] || "";

  const components = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  // A cell of one line, or of two where the column names a field to stand below.
  const lines = (props, first) => {
    const below = props.below && props.data[props.below];
    if (!props.below) return first;
    return element(
      "span",
      { className: "lines" },
      element("span", { className: "line" }, first),
      element("span", { className: "line below", title: below || undefined }, below || "")
    );
  };
  components.NameLink = (props) => {
    if (none(props.value)) return element("span", { className: "quiet" }, "–");
    const asked = new URLSearchParams(props.keep || "");
    asked.set("name", props.value);
    return lines(props, element("a", { href: `${props.path}?${asked}`, title: props.value }, props.value));
  };
  components.OpenLink = (props) => {
    const url = new URL(window.location.href);
    url.searchParams.set("open", props.data[props.key_field]);
    return lines(props, element("a", { href: url.pathname + url.search, title: props.value }, props.value));
  };
  components.StateMark = (props) =>
    none(props.value)
      ? element("span", { className: "quiet" }, "–")
      : lines(
          props,
          element(
            "span",
            { className: "state" },
            element("span", { className: `mark ${props.value}`, "aria-hidden": "true" }),
            element("span", null, STATES[props.value] || props.value)
          )
        );
  components.UseBar = (props) => {
    const value = props.value;
    if (none(value)) return element("span", { className: "use quiet" }, element("span", { className: "num" }, "–"));
    return element(
      "span",
      { className: "use" },
      element("span", { className: "share" }, element("span", { style: { width: `${Math.min(value, 1) * 100}%` } })),
      element("span", { className: "num" }, functions.share(value))
    );
  };
})();
