//! A transport of your own, tried by the suite that every transport must pass.
//!
//! `cargo run -p gozon-example-transport`

mod shelf;
mod stream;

use std::process::ExitCode;

use async_trait::async_trait;
use gozon_core::conformance::transport::{Candidate, Harness, HarnessError, RULES, run_all};

use shelf::Shelf;

/// Hands the suite a fresh transport for each rule.
struct Mine;

#[async_trait]
impl Harness for Mine {
    async fn candidate(&self) -> Result<Candidate, HarnessError> {
        let shelf = Shelf::default();
        let closing = shelf.clone();
        let candidate = Candidate::of(shelf, move || {
            let closing = closing.clone();
            Box::pin(async move { closing.close() })
        });
        // What is confirmed lies on the shelf, also when nobody is there.
        Ok(candidate.keeping_for_absent())
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run_all(&Mine).await.into_result() {
        Ok(()) => {
            println!("the shelf keeps all {} rules", RULES.len());
            ExitCode::SUCCESS
        }
        // Which rules are broken, and how.
        Err(broken) => {
            eprintln!("{broken}");
            ExitCode::FAILURE
        }
    }
}
