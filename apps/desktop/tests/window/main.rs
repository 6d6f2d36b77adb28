//! The real window on the real shop: on a display of its own, used as somebody
//! with a screen reader uses it.

#![cfg(target_os = "linux")]
// In a test a surprise is a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bus;
mod display;
mod process;
mod reader;
mod shop;
mod wait;

use bus::Bus;
use display::Display;
use reader::Reader;
use shop::Shop;

#[test]
fn somebody_opens_an_account_tops_up_and_orders() {
    let folder = tempfile::tempdir().unwrap();
    let display = Display::start(folder.path());
    let bus = Bus::start(folder.path(), &display);
    let shop = Shop::start(folder.path(), "127.0.0.1:0");
    let window = process::Process::spawn(
        "the window",
        folder.path(),
        std::process::Command::new(env!("CARGO_BIN_EXE_gozon-desktop"))
            .args(["--server", &shop.url(), "--language", "en"])
            .env("DISPLAY", display.name())
            .env("DBUS_SESSION_BUS_ADDRESS", bus.address())
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .env_remove("WAYLAND_DISPLAY"),
    );
    let reader = Reader::start(&bus, &window);

    reader.press("Start as a new customer");
    reader.wait_for("Live");
    reader.press("Open an account");
    reader.wait_for("0.00 RUB");

    reader.write("Amount to top up", "1000");
    reader.press("Top up");
    reader.wait_for("1,000.00 RUB added.");
    reader.wait_for("1,000.00 RUB");

    // Refused by the window, beside the field; nothing is sent.
    reader.write("What would you like?", "Чай с чабрецом");
    reader.write("Price", "ten");
    reader.press("Order");
    reader.wait_for("This is not an amount. Write it like 24.90 RUB.");

    reader.write("Price", "24,90");
    reader.press("Order");
    reader.wait_for("Чай с чабрецом");
    reader.wait_for("Paid");
    reader.wait_for("975.10 RUB");
    bus.wait_for_notification("Чай с чабрецом", "Paid \u{b7} 24.90 RUB");

    // More than is left: accepted by the shop, then cancelled with a reason.
    reader.write("What would you like?", "A samovar");
    reader.write("Price", "1200");
    reader.press("Order");
    reader.wait_for("Cancelled \u{b7} Not enough money");
    bus.wait_for_notification(
        "A samovar",
        "Cancelled \u{b7} Not enough money \u{b7} 1,200.00 RUB",
    );

    // The window did not make it up.
    let user = reader.user();
    assert_eq!(shop.balance(&user), 97_510);
    assert_eq!(shop.statuses(&user), ["CANCELLED", "FINISHED"]);

    let picture = display.screenshot();
    picture.save("window.png");
    picture.assert_shows_a_window();

    // Honest about a lost shop, and back by itself.
    let address = shop.stop();
    reader.wait_for("Offline");
    reader.wait_for("No connection to the shop. What you see may be out of date.");
    display.screenshot().save("offline.png");
    let shop = Shop::start(folder.path(), &address);
    reader.wait_for("Live");

    reader.press("Colours: as the system");
    reader.press("Colours: light");
    reader.wait_for("Colours: dark");
    reader.press("По-русски");
    reader.wait_for("Оплачен");
    display.screenshot().save("russian.png");

    display.close_window();
    window.wait_for_success();
    shop.stop();
}
