//! The embedded shop: `gozon --help`.

use std::process::ExitCode;

use gozon_service::process;
use gozon_service::settings::Service;

fn main() -> ExitCode {
    let service = Service {
        name: "gozon",
        label: "gozon",
        about: "Gozon: a whole online shop in one process, with nothing to install.",
        version: env!("CARGO_PKG_VERSION"),
        bind: "127.0.0.1:8000",
    };
    process::main(service, gozon_shop::run)
}
