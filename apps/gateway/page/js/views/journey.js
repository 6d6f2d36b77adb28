import { micros, span } from "../clock.js";
import { arrange, h, mark, say } from "../dom.js";
import { full, instant, locale, t } from "../i18n.js";
import { icon } from "../icons.js";
import { format } from "../money.js";

/** The way of an order, step by step. Steps are drawn once and then filled in. */
export function journey() {
  const steps = new Map();
  const list = h("ol", { class: "journey" });
  const sum = h("p", { class: "journey-sum" });
  const root = h("div", {}, list, sum);
  return {
    root,
    /** Shows the shop's record, and `push`: `{ at }`, milliseconds or `null`, once the order is settled. */
    show(record, push) {
      const start = record.steps[0].at;
      const all = [...record.steps, pushed(push)];
      const drawn = all.map((step) => {
        const kept = steps.get(step.step) ?? draw(step);
        steps.set(step.step, kept);
        kept.show(step, record, start);
        return kept.root;
      });
      arrange(list, drawn);
      const end = record.steps.at(-1).at;
      const whole = start !== null && end !== null ? `${t("journey.whole", { time: span(micros(end) - micros(start), locale()) })}. ` : "";
      say(sum, `${whole}${t("journey.clocks")}`);
    },
  };
}

/** The last step, which only the page knows. */
function pushed(push) {
  if (push === null) return { step: "pushed", by: "page", state: "open", at: null };
  const at = push.at === null ? null : new Date(push.at).toISOString();
  return { step: "pushed", by: "page", state: at === null ? "unseen" : "done", at };
}

function draw({ step, by }) {
  const picture = h("span", { class: "mark" });
  const state = h("span", { class: "unseen" });
  const text = h("p", { class: "step-text" });
  const time = h("time", { class: "step-time" });
  const after = h("span", { class: "step-after" });
  const entries = h("ul", { class: "entries", "aria-label": t("journey.entries"), hidden: true });
  const root = h(
    "li",
    { class: "step" },
    picture,
    h("div", { class: "step-body" }, h("h3", {}, t(`journey.step.${step}`), state), h("p", { class: "step-by" }, t(`journey.by.${by}`)), text, entries),
    h("div", { class: "step-when" }, time, after),
  );
  return {
    root,
    show(now, record, start) {
      if (root.getAttribute("data-state") !== now.state) picture.replaceChildren(...pictureOf(now.state));
      mark(root, "data-state", now.state);
      say(state, ` \u2013 ${t(`journey.state.${now.state === "unseen" ? "open" : now.state}`)}`);
      say(text, textOf(now, record));
      say(time, now.at !== null ? instant(now.at) : now.state === "done" ? t("journey.time_unknown") : "");
      mark(time, "datetime", now.at);
      mark(time, "title", now.at === null ? null : full(now.at));
      say(after, now.at === null || start === null || step === "accepted" ? "" : later(now.at, start));
      const moved = now.transfer?.entries ?? [];
      entries.hidden = moved.length === 0;
      if (entries.children.length !== moved.length) entries.replaceChildren(...moved.map((entry) => entryOf(entry, record.currency)));
    },
  };
}

function pictureOf(state) {
  if (state === "done") return [icon("check")];
  if (state === "waiting") return [icon("clock")];
  return [];
}

function later(at, start) {
  const passed = micros(at) - micros(start);
  return (passed < 0n ? "" : "+") + span(passed, locale());
}

function textOf(step, record) {
  const key = `journey.step.${step.step}`;
  if (step.state === "waiting") return t(`journey.waiting.${record.waiting_for}`);
  if (step.step === "decided") {
    if (step.state !== "done") return t(`${key}.open`);
    if (step.outcome === "refused") return [step.reason === null ? "" : `${t(`reason.${step.reason}`)}.`, t(`${key}.refused`)].join(" ").trim();
    const paid = step.transfer?.entries.find((entry) => entry.kind === "shop");
    return paid === undefined ? t(`${key}.unknown`) : t(`${key}.paid`, { amount: format(paid.amount, record.currency, locale()) });
  }
  if (step.step === "status_changed") return step.state === "done" ? t(`${key}.text`, { status: t(`status.${step.status}`) }) : t(`${key}.open`);
  if (step.step === "pushed") return t(step.state === "done" ? `${key}.text` : `${key}.${step.state}`);
  return t(`${key}.text`);
}

function entryOf({ kind, name, amount, balance }, currency) {
  const who = kind === "user" ? `${t("journey.entry.user")} (${name})` : t(`journey.entry.${kind}`);
  const money = (minor, signs) => format(minor, currency, locale(), signs);
  return h(
    "li",
    {},
    h("span", { class: "entry-who" }, who),
    h("span", { class: `entry-amount ${amount > 0 ? "in" : "out"}` }, money(amount, { plus: true })),
    balance === undefined || balance === null ? null : h("span", { class: "entry-balance" }, t("journey.entry.balance", { amount: money(balance) })),
  );
}
