// The few pictures, drawn with lines on a field of 24 by 24.

import { svg } from "./dom.js";

const LINES = {
  parcel: ["M4 8l8-4 8 4v8l-8 4-8-4z", "M4 8l8 4 8-4", "M12 12v8"],
  check: ["M5 12.5l4.5 4.5L19 7.5"],
  cross: ["M7 7l10 10", "M17 7L7 17"],
  clock: ["M12 7v5l3 2"],
  person: ["M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8z", "M4.5 20c1-3.5 4-5 7.5-5s6.5 1.5 7.5 5"],
  back: ["M19 12H5", "M11 6l-6 6 6 6"],
  plus: ["M12 5v14", "M5 12h14"],
  bag: ["M6 8h12l1 12H5z", "M9 8V7a3 3 0 0 1 6 0v1"],
  sun: [
    "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z",
    "M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
  ],
  moon: ["M20 14.5A8 8 0 0 1 9.5 4a8 8 0 1 0 10.5 10.5z"],
  auto: ["M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16z", "M12 4v16", "M12 8h6M12 12h8M12 16h6"],
  bell: ["M6 17h12l-1.5-2v-4a4.5 4.5 0 0 0-9 0v4z", "M10.5 20a1.7 1.7 0 0 0 3 0"],
  wallet: ["M4 8a2 2 0 0 1 2-2h11v3", "M4 8v9a2 2 0 0 0 2 2h14V9H5a1 1 0 0 1-1-1z", "M16 14h.01"],
};

/** A picture that says nothing by itself: the words stand beside it. */
export function icon(name) {
  const lines = LINES[name].map((d) => svg("path", { d }));
  return svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" }, lines);
}
