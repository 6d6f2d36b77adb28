// The page as a whole: the address decides which customer and which view.

import { h } from "./dom.js";
import { Header } from "./header.js";
import * as i18n from "./i18n.js";
import { keep, recall } from "./memory.js";
import { format } from "./money.js";
import { VALID } from "./names.js";
import { tell } from "./notify.js";
import { OfflineBar } from "./offline.js";
import { address, route } from "./router.js";
import { Session } from "./session.js";
import { Toasts } from "./toasts.js";
import { choose } from "./views/choose.js";
import { missing } from "./views/missing.js";
import { order } from "./views/order.js";
import { shop } from "./views/shop.js";
import { statement } from "./views/statement.js";

const VIEWS = { choose, shop, statement, order, missing };

const { t } = i18n;
const main = h("main", { id: "main", tabindex: "-1" });
const toasts = new Toasts();
const offline = new OfflineBar(() => session?.socket.retry());
const header = new Header(() => show({ keepFocus: true }));

let session = null;
let view = null;
/** How far the shop was scrolled when it was left. */
let scrolled = 0;

function show({ keepFocus = false } = {}) {
  const wanted = route(location.hash);
  if (wanted.view === "home") {
    const user = recall("user");
    location.replace(VALID.test(user ?? "") ? address.shop(user) : address.choose);
    return;
  }
  become(wanted.user ?? null);
  const first = view === null;
  if (view?.name === "shop" && wanted.view !== "shop") scrolled = scrollY;
  view?.close();
  view = { name: wanted.view, ...VIEWS[wanted.view]({ session, ...wanted }) };
  main.replaceChildren(view.root);
  header.show(wanted.view, wanted.user ?? null, session?.socket.state ?? null);
  offline.show(session?.socket ?? null);
  document.title = wanted.user === undefined ? `${view.title} · gozon` : `${view.title} · ${wanted.user} · gozon`;
  if (keepFocus) return;
  scrollTo(0, wanted.view === "shop" && !first ? scrolled : 0);
  // Whoever cannot see it hears where the link has led.
  if (!first) main.querySelector("h1")?.focus({ preventScroll: true });
}

/** Makes this customer the tab's. */
function become(user) {
  if (session?.user === user) return;
  session?.end();
  session = null;
  scrolled = 0;
  toasts.clear();
  if (user === null) return;
  keep("user", user);
  const mine = new Session(user);
  session = mine;
  mine.socket.addEventListener("state", () => {
    if (session !== mine) return;
    header.line(mine.socket.state);
    offline.show(mine.socket);
  });
  mine.addEventListener("settled", ({ detail }) => {
    if (session === mine) announce(detail);
  });
  mine.start();
}

function announce(settled) {
  const { id, status, reason, description, amount, currency } = settled;
  const title = t(`toast.${status === "FINISHED" ? "paid" : "cancelled"}`);
  const why = reason === null ? format(amount, currency, i18n.locale()) : t(`reason.${reason}`);
  const text = `${description} · ${why}`;
  const to = address.order(session.user, id);
  toasts.show({ kind: status, title, text, to });
  tell(title, text, id, () => {
    location.hash = to;
  });
}

i18n.start();
document.body.replaceChildren(header.root, main, offline.root, toasts.root);
addEventListener("hashchange", () => show());
show();
