import { h } from "../dom.js";
import { field } from "../fields.js";
import { form } from "../form.js";
import { t } from "../i18n.js";
import { recall } from "../memory.js";
import { fresh, VALID } from "../names.js";
import { address } from "../router.js";

/** Who is shopping? */
export function choose() {
  const go = (user) => {
    location.hash = address.shop(user);
  };
  const before = recall("user");
  const id = field({
    name: "user",
    label: t("choose.id"),
    hint: t("choose.hint"),
    maxlength: 64,
    autocapitalize: "none",
    spellcheck: "false",
  });
  const known = form({
    label: t("choose.id"),
    fields: [id],
    button: () => t("choose.enter"),
    busy: t("choose.enter"),
    read() {
      const user = id.input.value.trim();
      if (VALID.test(user)) return user;
      id.fail(t("choose.invalid"));
      return null;
    },
    send: async (user) => go(user),
  });
  known.root.querySelector("button").classList.remove("primary");
  const root = h(
    "div",
    { class: "narrow" },
    h("h1", { tabindex: "-1" }, t("title.choose")),
    h("p", { class: "lead" }, t("choose.lead")),
    h(
      "section",
      { class: "card choose" },
      h("button", { class: "button primary", type: "button", onclick: () => go(fresh()) }, t("choose.fresh")),
      VALID.test(before ?? "")
        ? h("a", { class: "button", href: address.shop(before) }, t("choose.again", { user: before }))
        : null,
      h("p", { class: "or" }, h("span", {}, t("choose.or"))),
      known.root,
    ),
  );
  return { title: t("title.choose"), root, close() {} };
}
