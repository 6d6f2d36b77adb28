// The browser's own notifications, for when the page is not in sight.

/** Whether it makes sense to ask for permission. */
export function askable() {
  return "Notification" in window && isSecureContext && Notification.permission === "default";
}

/** Asks; only after a press of a button, as browsers demand. */
export async function ask() {
  await Notification.requestPermission();
}

/** Tells, if that is allowed and nobody is looking. */
export function tell(title, body, tag, pressed) {
  if (!("Notification" in window) || Notification.permission !== "granted" || !document.hidden) return;
  try {
    const notification = new Notification(title, { body, tag, icon: "/page/icon.svg" });
    notification.addEventListener("click", () => {
      focus();
      notification.close();
      pressed();
    });
  } catch {
    // Some phones allow notifications to service workers alone.
  }
}
