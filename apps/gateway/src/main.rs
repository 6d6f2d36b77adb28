//! The gateway as a program of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    gozon_service::process::main(gozon_gateway::SERVICE, gozon_gateway::run)
}
