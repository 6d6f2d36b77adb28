import { h, say } from "../dom.js";
import { field, moneyField } from "../fields.js";
import { form } from "../form.js";
import { locale, t } from "../i18n.js";
import { listening } from "../listening.js";
import { digitsOf, format, typed } from "../money.js";
import { ideas } from "../prices.js";

/** The form for a new order. It needs the account, which knows the currency. */
export function basket(session) {
  const { account } = session;
  const inside = h("div", {});
  const root = h("section", { class: "card basket", "aria-labelledby": "basket-title" }, h("h2", { id: "basket-title" }, t("order.title")), inside);
  const ears = listening();
  let shown = null;

  const show = () => {
    if (shown === account.state) return;
    shown = account.state;
    if (account.state === "open") inside.replaceChildren(wish(session, ears));
    else inside.replaceChildren(h("p", { class: "muted waiting" }, account.state === "none" ? t("order.needs_account") : ""));
  };
  ears.on(account, "change", show);
  show();
  return { root, close: ears.close };
}

function wish(session, ears) {
  const { account, orders, drafts, intentions } = session;
  const { currency } = account;
  const description = field({ name: "description", label: t("order.description"), maxlength: 1000 });
  const amount = moneyField({ name: "amount", label: t("order.amount"), currency });
  const lost = intentions.open("/orders");
  if (lost !== null) {
    const body = JSON.parse(lost.body);
    drafts.description = body.description;
    drafts.amount = typed(body.amount, currency, locale());
  }
  const fill = (what, price) => {
    description.input.value = drafts.description = what;
    amount.input.value = drafts.amount = price;
    description.clear();
    amount.clear();
  };
  fill(drafts.description ?? "", drafts.amount ?? "");

  const price = () => {
    const minor = amount.peek();
    return minor !== null && minor > 0n ? t("order.submit.amount", { amount: format(minor, currency, locale()) }) : t("order.submit");
  };
  const whole = 10n ** BigInt(digitsOf(currency));
  const chips = ideas(currency).map(([name, major]) => {
    const pressed = () => {
      fill(t(`idea.${name}`), typed(BigInt(major) * whole, currency, locale()));
      self.relabel();
    };
    return h("button", { class: "chip", type: "button", onclick: pressed }, t(`idea.${name}`));
  });
  const self = form({
    label: t("order.title"),
    fields: [description, amount],
    extra: [h("div", { class: "chips", role: "group", "aria-label": t("order.ideas") }, chips)],
    button: price,
    busy: t("order.sending"),
    currency: () => currency,
    read() {
      const minor = amount.read();
      return minor === null ? null : { minor, what: description.input.value };
    },
    async send({ minor, what }, unsure) {
      const placed = await orders.place(minor, what, unsure);
      // Unless somebody has gone on writing meanwhile.
      if (description.input.value === what && amount.peek() === minor) fill("", "");
      return t("order.placed", { description: placed.description });
    },
  });
  description.input.addEventListener("input", () => {
    drafts.description = description.input.value;
  });
  amount.input.addEventListener("input", () => {
    drafts.amount = amount.input.value;
    self.relabel();
  });
  if (lost !== null) self.say(t("form.pending"));
  // The answer may come to the form that was shown before this one.
  ears.on(intentions, "closed", ({ detail }) => {
    if (detail.key !== lost?.key) return;
    self.say("");
    const { description: what, amount: minor } = JSON.parse(lost.body);
    const stands = description.input.value === what && amount.peek() === BigInt(minor);
    if (detail.done && stands) fill("", "");
    self.relabel();
  });
  return self.root;
}
