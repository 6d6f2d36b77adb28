//! Measures a running shop through its gateway and prints one Markdown table.
//!
//! ```text
//! cargo run --release -p gozon-tests --example load -- --gateway 127.0.0.1:8000 \
//!     --pids gozon=4711
//! ```
//!
//! Release builds only mean anything. One thread is enough for this side of the
//! wire; it runs on the same cores as the shop, so every number is a floor.

mod gateway;
mod latency;
mod process;
mod throughput;

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::Result;
use clap::Parser;
use gozon_tests::measure::{Databases, Report, per_unit};

use self::process::Processes;

/// Measures a running shop.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where the gateway listens.
    #[arg(long, default_value = "127.0.0.1:8000", value_name = "ADDRESS:PORT")]
    gateway: SocketAddr,

    /// Orders under load; 0 leaves the load out.
    #[arg(long, default_value_t = 20_000)]
    orders: usize,

    /// Connections under load, each with a user of its own.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,

    /// Orders one at a time.
    #[arg(long, default_value_t = 300, value_name = "ORDERS")]
    one_at_a_time: usize,

    /// Orders before anything is measured.
    #[arg(long, default_value_t = 30, value_name = "ORDERS")]
    warm_up: usize,

    /// Processes whose memory and CPU to show, such as `orders=17,payments=18`.
    #[arg(long, default_value = "", value_name = "NAME=PID,...")]
    pids: Processes,

    /// The URL of orders' PostgreSQL database, to count its statements. Resets
    /// its `pg_stat_statements`.
    #[arg(long, value_name = "URL")]
    pg_orders: Option<String>,

    /// The URL of payments' PostgreSQL database, likewise.
    #[arg(long, value_name = "URL")]
    pg_payments: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let processes = &arguments.pids;
    let named = [
        ("orders", arguments.pg_orders.as_deref()),
        ("payments", arguments.pg_payments.as_deref()),
    ];
    let mut databases = Databases::connect(named).await?;
    let mut report = Report::default();

    let mut single = latency::Single::begin(arguments.gateway).await?;
    single.measure(arguments.warm_up).await?;
    databases.reset().await?;
    let singles = single.measure(arguments.one_at_a_time).await?;
    report.latency("one at a time: POST until answered", &singles.answered);
    report.latency("one at a time: POST until FINISHED seen", &singles.finished);
    databases
        .report(
            &mut report,
            "one at a time",
            arguments.one_at_a_time,
            "order",
        )
        .await?;
    drop(single);

    if arguments.orders > 0 {
        let load = throughput::Load::prepare(arguments.gateway, arguments.connections).await?;
        databases.reset().await?;
        let used_before = processes.cpu()?;
        let begun = Instant::now();
        let run = load.run(arguments.orders).await?;
        let lasted = begun.elapsed();
        let load = format!("{} connections", arguments.connections);
        report.rate(&format!("{load}: accepted"), run.accepted, run.accepting);
        report.rate(&format!("{load}: finished"), run.finished, run.finishing);
        if run.finished < run.accepted {
            let missing = run.accepted - run.finished;
            report.row(format!("{load}: not seen FINISHED"), missing.to_string());
        }
        report.latency(&format!("{load}: POST until answered"), &run.answered);
        databases
            .report(&mut report, &load, run.accepted, "order")
            .await?;
        for ((name, before), (_, after)) in used_before.iter().zip(processes.cpu()?) {
            let used = after.saturating_sub(*before).as_micros();
            let share = used * 100 / lasted.as_micros().max(1);
            report.row(
                format!("{load}: CPU of {name}"),
                format!(
                    "{} µs per order, {share} % of one core",
                    per_unit(used, run.accepted)
                ),
            );
        }
    }

    for (name, memory) in processes.memory()? {
        report.row(format!("memory of {name}"), memory);
    }
    print!("{report}");
    println!(
        "\nThis generator used {:?} of CPU on the same {} cores.",
        process::own_cpu()?,
        std::thread::available_parallelism()?,
    );
    Ok(())
}
