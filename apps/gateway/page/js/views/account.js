import { h, say } from "../dom.js";
import { moneyField } from "../fields.js";
import { form } from "../form.js";
import { locale, t } from "../i18n.js";
import { listening } from "../listening.js";
import { digitsOf, format, typed } from "../money.js";
import { sums } from "../prices.js";

/** The account: open it, see what it holds, put something in. */
export function account(session) {
  const { account } = session;
  const balance = h("p", { class: "balance" });
  const below = h("div", { class: "account-below" });
  const root = h("section", { class: "card account", "aria-labelledby": "account-title" }, h("h2", { id: "account-title" }, t("account.title")), balance, below);
  const ears = listening();
  let shown = null;

  const show = () => {
    const open = account.state === "open";
    say(balance, open ? format(account.balance, account.currency, locale()) : "\u2014");
    balance.classList.toggle("unknown", !open);
    if (shown === account.state) return;
    shown = account.state;
    if (open) below.replaceChildren(topUp(session, ears));
    else if (account.state === "none") below.replaceChildren(opening(session));
  };
  ears.on(account, "change", show);
  ears.on(session, "trouble", () => {
    if (account.state === "unknown") below.replaceChildren(h("p", { class: "muted" }, t("account.unknown")));
  });
  show();
  return { root, close: ears.close };
}

function opening(session) {
  const { root } = form({
    label: t("account.open"),
    button: () => t("account.open"),
    busy: t("account.opening"),
    extra: [h("p", { class: "muted" }, t("account.none"))],
    send: (_, unsure) => session.account.open(unsure),
  });
  return root;
}

function topUp(session, ears) {
  const { account, drafts, intentions } = session;
  const { currency } = account;
  const amount = moneyField({ name: "amount", label: t("account.amount"), currency });
  const lost = intentions.open("/accounts/topup");
  amount.input.value = lost === null ? drafts.topUp ?? "" : typed(JSON.parse(lost.body).amount, currency, locale());
  amount.input.addEventListener("input", () => {
    drafts.topUp = amount.input.value;
  });
  const whole = 10n ** BigInt(digitsOf(currency));
  const quick = sums(currency).map((sum) => {
    const minor = BigInt(sum) * whole;
    const fill = () => {
      amount.input.value = drafts.topUp = typed(minor, currency, locale());
      amount.clear();
      self.relabel();
    };
    const text = format(minor, currency, locale(), { plus: true, whole: true });
    return h("button", { class: "chip", type: "button", onclick: fill }, text);
  });
  const self = form({
    label: t("account.topup"),
    fields: [amount],
    extra: [h("div", { class: "chips" }, quick)],
    button: () => t("account.add"),
    busy: t("account.add"),
    currency: () => currency,
    read: () => amount.read(),
    async send(minor, unsure) {
      await account.topUp(minor, unsure);
      amount.input.value = drafts.topUp = "";
      return t("account.done", { amount: format(minor, currency, locale()) });
    },
  });
  if (lost !== null) self.say(t("form.pending"));
  // The answer may come to the form that was shown before this one.
  ears.on(intentions, "closed", ({ detail }) => {
    if (detail.key !== lost?.key) return;
    self.say("");
    const stands = amount.peek() === BigInt(JSON.parse(lost.body).amount);
    if (detail.done && stands) amount.input.value = drafts.topUp = "";
  });
  const isOpen = account.balance === 0n || amount.input.value !== "";
  const summary = h("summary", { class: "button" }, t("account.topup"));
  const root = h("details", { class: "topup", open: isOpen }, summary, self.root);
  root.addEventListener("toggle", () => {
    if (root.open && !isOpen) amount.input.focus();
  });
  return root;
}
