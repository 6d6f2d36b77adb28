// What every form does: one request at a time, errors beside their fields, and
// an honest word while the answer stays away.

import { h, mark, say } from "./dom.js";
import { t } from "./i18n.js";
import { explain } from "./problems.js";

/**
 * A form. `read` gives what to send, or `null` after marking a field; `send`
 * gets it, and a function to call when an answer is late; `currency` is that
 * of the amounts, if it is known.
 */
export function form({ label, fields = [], button, extra = [], busy, read = () => true, send, currency = () => null }) {
  const note = h("p", { class: "form-note", role: "status" });
  const submit = h("button", { class: "button primary", type: "submit" }, button());
  let working = false;

  const show = (text, isError) => {
    note.classList.toggle("error", isError);
    say(note, text);
  };
  const work = (is) => {
    working = is;
    // Not `disabled`: that would throw the focus away.
    mark(submit, "aria-disabled", is ? "true" : null);
    say(submit, is ? busy : button());
  };
  const fail = (error) => {
    const { fields: reasons, general } = explain(error, currency());
    const others = [];
    for (const [name, text] of Object.entries(reasons)) {
      const field = fields.find((field) => field.name === name);
      if (field === undefined) others.push(text);
      else field.fail(text);
    }
    show([general, ...others].filter(Boolean).join(" "), true);
    focusFirst();
  };
  const focusFirst = () => {
    fields.find((field) => field.input.getAttribute("aria-invalid") === "true")?.input.focus();
  };
  const attempt = async () => {
    if (working) return;
    fields.forEach((field) => field.clear());
    show("", false);
    const values = read();
    if (values === null) {
      focusFirst();
      return;
    }
    work(true);
    try {
      show((await send(values, () => show(t("form.unsure"), false))) ?? "", false);
    } catch (error) {
      fail(error);
    } finally {
      work(false);
    }
  };

  const root = h(
    "form",
    {
      "aria-label": label,
      novalidate: true,
      onsubmit: (event) => {
        event.preventDefault();
        attempt();
      },
    },
    fields.map((field) => field.root),
    extra,
    submit,
    note,
  );
  for (const field of fields) field.input.addEventListener("input", () => field.clear());
  return {
    root,
    attempt,
    say: (text) => show(text, false),
    /** Writes the button again, after what stands in the fields has changed. */
    relabel: () => {
      if (!working) say(submit, button());
    },
  };
}
