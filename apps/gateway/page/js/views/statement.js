import { coalesced } from "../coalesced.js";
import { arrange, h, mark, say } from "../dom.js";
import { full, locale, moment, t } from "../i18n.js";
import { listening } from "../listening.js";
import { format } from "../money.js";
import { address } from "../router.js";
import { empty } from "./empty.js";

const COLUMNS = [["when", "when"], ["what", "what"], ["amount", "amount"], ["balance", "balance-after"]];
const FIRST_PAGE = "/accounts/statement?limit=50";

/** Every movement on the account. */
export function statement({ session }) {
  const { account, api, orders, user } = session;
  const entries = new Map();
  const rows = new Map();
  let read = false;
  let next = null;
  const body = h("tbody", { role: "rowgroup" });
  const table = h(
    "table",
    { role: "table", hidden: true, "aria-labelledby": "statement-title" },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, COLUMNS.map(([name, style]) => h("th", { role: "columnheader", scope: "col", class: style }, t(`statement.${name}`))))),
    body,
  );
  const none = h("div", {}, h("p", { class: "muted waiting" }, t("statement.loading")));
  const more = h("button", { class: "button", type: "button" }, t("statement.more"));
  const foot = h("div", { class: "orders-foot", hidden: true }, more);
  const root = h(
    "div",
    { class: "middle" },
    h("h1", { id: "statement-title", tabindex: "-1" }, t("title.statement")),
    h("p", { class: "lead" }, t("statement.lead")),
    h("section", { class: "card list" }, none, table, foot),
  );
  const ears = listening();

  const show = () => {
    const wanted = [...entries.values()];
    table.hidden = wanted.length === 0;
    none.hidden = wanted.length > 0;
    foot.hidden = next === null;
    if (wanted.length === 0) none.replaceChildren(empty("wallet", t("statement.empty"), t("statement.empty.hint")));
    const drawn = wanted.map((entry) => {
      const row = rows.get(entry.id) ?? line(entry);
      rows.set(entry.id, row);
      if (entry.order_id !== null) say(row.querySelector("a"), nameOf(entry));
      return row;
    });
    arrange(body, drawn);
  };
  const line = (entry) => {
    const time = h("time", { datetime: entry.created_at, title: full(entry.created_at) }, moment(entry.created_at));
    return h(
      "tr",
      { role: "row" },
      h("td", { role: "cell", class: "when" }, time),
      h("td", { role: "cell", class: "what" }, what(entry)),
      h("td", { role: "cell", class: `amount ${entry.amount > 0 ? "in" : "out"}` }, format(entry.amount, account.currency, locale(), { plus: true })),
      h("td", { role: "cell", class: "balance-after" }, format(entry.balance, account.currency, locale())),
    );
  };
  const what = (entry) => {
    if (entry.order_id === null) return t("statement.topup");
    return h("a", { href: address.order(user, entry.order_id) }, nameOf(entry));
  };
  const nameOf = (entry) => orders.get(entry.order_id)?.description ?? t("statement.payment", { id: entry.order_id.slice(-6) });
  // Newest first. What is read again comes first; what is known beyond it stays.
  const load = coalesced(async () => {
    if (account.state === "unknown") await account.refresh();
    if (account.state === "none") return show();
    const page = await api.get(FIRST_PAGE);
    const known = [...entries.values()];
    const joins = page.body.some((entry) => entries.has(entry.id));
    entries.clear();
    for (const entry of page.body) entries.set(entry.id, entry);
    if (joins) for (const entry of known) entries.set(entry.id, entry);
    else next = page.next;
    read = true;
    show();
  });
  const refresh = async () => {
    if (!(await session.attempt(load)) && !read) none.replaceChildren(h("p", { class: "muted waiting" }, t("statement.failed")));
  };
  ears.on(session, "refresh", refresh);
  ears.on(account, "change", refresh);
  ears.on(orders, "change", () => {
    if (read) show();
  });
  more.addEventListener("click", () => session.attempt(async () => {
    if (next === null || more.getAttribute("aria-disabled") === "true") return;
    mark(more, "aria-disabled", "true");
    try {
      const page = await api.get(next);
      next = page.next;
      for (const entry of page.body) entries.set(entry.id, entry);
      show();
    } finally {
      mark(more, "aria-disabled", null);
    }
  }));
  refresh();
  return { title: t("title.statement"), root, close: ears.close };
}
