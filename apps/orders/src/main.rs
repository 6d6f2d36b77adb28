//! The orders service on its own: `gozon-orders --help`.

use std::process::ExitCode;

use gozon_service::process;
use gozon_service::settings::Service;

fn main() -> ExitCode {
    let service = Service {
        name: "gozon-orders",
        label: "orders",
        about: "Gozon's orders service: places orders, sees them settled, shows them live.",
        version: env!("CARGO_PKG_VERSION"),
        bind: "127.0.0.1:8001",
    };
    process::main(service, gozon_orders::run)
}
