//! Measures a message's way from the outbox through RabbitMQ to the inbox, each
//! number beside the limit that the same run found on the same servers.
//!
//! ```text
//! cargo run --release -p gozon-tests --example pipeline
//! ```
//!
//! Uses the servers that `GOZON_TEST_POSTGRES_URL` and `GOZON_TEST_AMQP_URL`
//! name (`cargo xtask servers` starts some). PostgreSQL needs `shared_preload_libraries=pg_stat_statements`. Release
//! builds only mean anything, and on shared cores ratios alone.

mod bare;
mod bench;
mod reads;
mod relayed;

use anyhow::Result;
use clap::Parser;
use gozon_tests::measure::{Report, per_unit};

use self::bench::Bench;

/// Measures the way of a message.
#[derive(Debug, Parser)]
struct Arguments {
    /// Messages in each run.
    #[arg(long, default_value_t = 40_000)]
    messages: usize,

    /// How often the relay and the bare loop take turns.
    #[arg(long, default_value_t = 3)]
    rounds: usize,

    /// Leaves out the reads beside large backlogs.
    #[arg(long)]
    no_reads: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut report = Report::default();
    let (mut bare, mut relayed) = (0, 0);
    for round in 1..=arguments.rounds {
        let bench = Bench::new().await?;
        let count = arguments.messages;
        let took = bare::publish(&bench, count).await?;
        bare += report.rate(&format!("round {round}: bare lapin loop"), count, took);
        bench.purge().await?;
        let took = relayed::publish(&bench, count, &mut report, round).await?;
        relayed += report.rate(&format!("round {round}: relay"), count, took);
        bench.end().await?;
    }
    report.share("relay, of the bare loop", relayed, bare);

    let bench = Bench::new().await?;
    let took = relayed::through(&bench, arguments.messages, &mut report).await?;
    let through = report.rate("outbox → RabbitMQ → inbox", arguments.messages, took);
    let rounds = u128::try_from(arguments.rounds)?;
    report.share(
        "the whole way, of the bare loop",
        through,
        per_unit(bare, rounds),
    );
    bench.end().await?;

    if !arguments.no_reads {
        reads::beside_backlogs(&mut report).await?;
    }
    print!("{report}");
    Ok(())
}
