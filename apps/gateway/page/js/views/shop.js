import { h, mark } from "../dom.js";
import { t } from "../i18n.js";
import { listening } from "../listening.js";
import { account } from "./account.js";
import { basket } from "./basket.js";
import { orders } from "./orders.js";

/** The shop: what one has, what one wants, what one has ordered. */
export function shop({ session }) {
  const parts = [account(session), basket(session), orders(session)];
  const [money, wish, list] = parts.map((part) => part.root);
  const root = h(
    "div",
    { class: "shop" },
    h("h1", { class: "unseen", tabindex: "-1" }, t("title.shop")),
    h("div", { class: "shop-side" }, money, wish),
    list,
  );
  // An account that is there, one that is not, or no answer: each looks otherwise.
  const ears = listening();
  const known = () => mark(root, "data-known", session.account.state !== "unknown");
  ears.on(session.account, "change", known);
  ears.on(session, "trouble", () => mark(root, "data-known", true));
  known();
  return {
    title: t("title.shop"),
    root,
    close() {
      ears.close();
      parts.forEach((part) => part.close());
    },
  };
}
