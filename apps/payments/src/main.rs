//! The payments service on its own: `gozon-payments --help`.

use std::process::ExitCode;

use gozon_service::process;
use gozon_service::settings::Service;

fn main() -> ExitCode {
    let service = Service {
        name: "gozon-payments",
        label: "payments",
        about: "Gozon's payments service: keeps accounts and decides about the money of orders.",
        version: env!("CARGO_PKG_VERSION"),
        bind: "127.0.0.1:8002",
    };
    process::main(service, gozon_payments::run)
}
