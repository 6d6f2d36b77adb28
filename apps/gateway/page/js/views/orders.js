import { arrange, h, mark, say } from "../dom.js";
import { full, locale, moment, t } from "../i18n.js";
import { icon } from "../icons.js";
import { listening } from "../listening.js";
import { format } from "../money.js";
import { ask, askable } from "../notify.js";
import { address } from "../router.js";
import { empty } from "./empty.js";

const ICONS = { NEW: "clock", FINISHED: "check", CANCELLED: "cross" };

/** The list of orders. Rows are made once and then only changed. */
export function orders(session) {
  const { orders } = session;
  const rows = new Map();
  const list = h("ol", { class: "orders" });
  const none = h("div", {});
  const shown = h("p", { class: "muted" });
  const more = h("button", { class: "button", type: "button" }, t("orders.more"));
  const foot = h("div", { class: "orders-foot", hidden: true }, shown, more);
  const root = h(
    "section",
    { class: "card list", "aria-labelledby": "orders-title" },
    h("div", { class: "card-head" }, h("h2", { id: "orders-title" }, t("orders.title")), bell()),
    none,
    list,
    foot,
  );
  const ears = listening();

  const rowOf = (order) => {
    const known = rows.get(order.id);
    const kept = known ?? row(session.user, order.id);
    if (known === undefined) rows.set(order.id, kept);
    kept.show(order);
    return kept.root;
  };
  const showAll = () => {
    const wanted = orders.list().map(rowOf);
    arrange(list, wanted);
    around(wanted.length);
  };
  const around = (count) => {
    none.hidden = count > 0;
    if (count === 0) none.replaceChildren(orders.loaded ? empty("bag", t("orders.empty"), t("orders.empty.hint")) : h("p", { class: "muted waiting" }, t("orders.loading")));
    foot.hidden = count === 0 || (orders.next === null && count < 20);
    more.hidden = orders.next === null;
    say(shown, t("orders.shown", { count }));
  };
  ears.on(orders, "change", ({ detail: id }) => {
    // One order in its place is the common case, and the quick one.
    const known = id === null ? undefined : rows.get(id);
    if (known === undefined) showAll();
    else known.show(orders.get(id));
  });
  ears.on(session, "trouble", () => {
    if (!orders.loaded) none.replaceChildren(h("p", { class: "muted waiting" }, t("orders.failed")));
  });
  more.addEventListener("click", async () => {
    if (more.getAttribute("aria-disabled") === "true") return;
    mark(more, "aria-disabled", "true");
    const before = list.lastElementChild;
    await session.attempt(() => orders.more());
    mark(more, "aria-disabled", null);
    // The button may have gone; whoever pressed it goes on with what it brought.
    if (more.hidden) before?.nextElementSibling?.querySelector("a").focus();
  });
  showAll();
  return { root, close: ears.close };
}

function row(user, id) {
  const picture = h("span", { class: "mark" });
  const what = h("span", { class: "order-what" });
  const when = h("time", { class: "order-when" });
  const amount = h("span", { class: "order-amount" });
  const status = h("span", { class: "order-status" });
  const root = h("li", { class: "order" }, h("a", { href: address.order(user, id) }, picture, what, when, amount, status));
  let version = 0;
  return {
    root,
    show(order) {
      if (order.version === version) return;
      version = order.version;
      mark(root, "data-status", order.status);
      picture.replaceChildren(icon(ICONS[order.status]));
      say(what, order.description);
      say(when, moment(order.created_at));
      mark(when, "datetime", order.created_at);
      mark(when, "title", full(order.created_at));
      say(amount, format(order.amount, order.currency, locale()));
      say(status, order.reason === null ? t(`status.${order.status}`) : t(`reason.${order.reason}`));
    },
  };
}

function bell() {
  if (!askable()) return null;
  const pressed = async () => {
    await ask();
    button.hidden = !askable();
  };
  const button = h("button", { class: "quiet", type: "button", title: t("settings.notify.hint"), onclick: pressed }, icon("bell"), h("span", {}, t("settings.notify")));
  return button;
}
