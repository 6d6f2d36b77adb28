import { coalesced } from "../coalesced.js";
import { h, mark, say } from "../dom.js";
import { full, locale, t } from "../i18n.js";
import { icon } from "../icons.js";
import { listening } from "../listening.js";
import { format } from "../money.js";
import { address } from "../router.js";
import { empty } from "./empty.js";
import { journey } from "./journey.js";

/** How often a journey that is not at its end is asked for again. */
const PACE = 1_000;

/** One order, and what happened to it. */
export function order({ session, user, id }) {
  const { api, orders } = session;
  const title = h("h1", { tabindex: "-1" }, "\u2026");
  const amount = h("p", { class: "order-sum" });
  const status = h("p", { class: "status" });
  const when = h("dd", {});
  const head = h(
    "header",
    { class: "order-head" },
    title,
    amount,
    status,
    h("dl", { class: "facts" }, h("dt", {}, t("journey.ordered")), when, h("dt", {}, t("journey.id")), h("dd", { class: "code" }, id)),
  );
  const way = journey();
  const note = h("p", { class: "muted waiting" }, t("journey.loading"));
  const card = h("section", { class: "card", "aria-labelledby": "journey-title" }, h("h2", { id: "journey-title" }, t("journey.title")), note, way.root);
  const back = h("a", { class: "back quiet", href: address.shop(user) }, icon("back"), h("span", {}, t("journey.back")));
  const root = h("div", { class: "middle" }, back, head, card);
  const ears = listening();
  let record = null;
  let timer = null;
  let closed = false;

  const show = () => {
    const order = orders.get(id);
    if (order === undefined) return;
    say(title, order.description);
    say(amount, format(order.amount, order.currency, locale()));
    say(status, order.reason === null ? t(`status.${order.status}`) : t(`reason.${order.reason}`));
    mark(status, "data-status", order.status);
    say(when, full(order.created_at));
    if (record === null) return;
    note.hidden = true;
    const last = record.steps.at(-1);
    way.show(record, last.state === "done" ? { at: orders.arrival(id, last.version) } : null);
  };
  const load = coalesced(async () => {
    if (orders.get(id) === undefined && (await orders.fetch(id)) === undefined) {
      root.replaceChildren(back, title, card);
      say(title, t("title.order"));
      card.replaceChildren(empty("parcel", t("journey.missing"), t("journey.missing.hint")));
      return;
    }
    show();
    record = (await api.get(`/orders/${encodeURIComponent(id)}/journey`)).body;
    show();
  });
  const refresh = async () => {
    clearTimeout(timer);
    const read = await session.attempt(load);
    if (closed) return;
    if (!read && record === null) say(note, t("journey.failed"));
    // What happens before the result is not pushed.
    const over = record !== null && record.steps.every((step) => step.state === "done");
    if (read && !over && orders.get(id) !== undefined) timer = setTimeout(refresh, PACE);
  };
  ears.on(session, "refresh", refresh);
  ears.on(orders, "change", ({ detail }) => {
    if (detail === id) refresh();
  });
  refresh();
  return {
    title: t("title.order"),
    root,
    close() {
      closed = true;
      clearTimeout(timer);
      ears.close();
    },
  };
}
