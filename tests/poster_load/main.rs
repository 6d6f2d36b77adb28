//! What the poster costs on one hot guarded account, against cold accounts and
//! against one transaction per transfer; prints one Markdown table.
//!
//! ```text
//! cargo run --release -p gozon-tests --example poster_load -- --url postgres://…/an_empty_database
//! ```
//!
//! Ratios alone mean something, and only of a release build: the four ways take
//! turns in one run, on the same tables, and each row is the median of its
//! rounds. The server needs `pg_stat_statements` and no other traffic, for its
//! whole log is counted.

mod books;
mod cost;

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Parser;
use gozon_ledger::{Poster, PosterConfig};
use gozon_sqlx::postgres::{self, PoolSettings};
use tokio_util::sync::CancellationToken;

use self::books::{Books, Payer};
use self::cost::{Cost, Meter};

/// Measures the poster on PostgreSQL.
#[derive(Debug, Parser)]
struct Arguments {
    /// An empty database.
    #[arg(long)]
    url: String,

    /// Accounts besides the hot one.
    #[arg(long, default_value_t = 10_000)]
    accounts: u32,

    /// Callers at once of the poster.
    #[arg(long, default_value_t = 1_000)]
    callers: u32,

    /// Transfers per round through the poster.
    #[arg(long, default_value_t = 40_000)]
    transfers: u32,

    /// Transfers per round, one transaction each, by 16 callers.
    #[arg(long, default_value_t = 4_000)]
    singles: u32,

    /// Rounds that count; one more comes first.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
}

/// One way to post.
#[derive(Debug, Clone, Copy)]
struct Way {
    name: &'static str,
    payer: Payer,
    poster: bool,
}

const WAYS: [Way; 4] = [
    Way {
        name: "poster, one hot guarded account",
        payer: Payer::Hot,
        poster: true,
    },
    Way {
        name: "poster, cold guarded accounts",
        payer: Payer::Cold,
        poster: true,
    },
    Way {
        name: "one transaction each, hot",
        payer: Payer::Hot,
        poster: false,
    },
    Way {
        name: "one transaction each, cold",
        payer: Payer::Cold,
        poster: false,
    },
];

/// Connections, and callers at once where each has a transaction of its own.
const CONNECTIONS: u32 = 16;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let settings = PoolSettings {
        max_connections: CONNECTIONS,
        ..PoolSettings::default()
    };
    let db = postgres::connect(&arguments.url, &settings).await?;
    let books = Arc::new(Books::open(db.clone(), arguments.accounts).await?);
    let meter = Meter::new(db).await?;
    let config = PosterConfig {
        deadline: std::time::Duration::from_secs(60),
        ..PosterConfig::default()
    };
    let poster = Poster::new(books.ledger.clone(), config)?;
    let shutdown = CancellationToken::new();
    let run = tokio::spawn({
        let (poster, shutdown) = (poster.clone(), shutdown.clone());
        async move { poster.run(shutdown).await }
    });

    let mut rounds: Vec<Vec<Cost>> = vec![Vec::new(); WAYS.len()];
    for round in 0..=arguments.rounds {
        for (way, costs) in WAYS.iter().zip(&mut rounds) {
            let (callers, transfers) = if way.poster {
                (arguments.callers, arguments.transfers)
            } else {
                (CONNECTIONS, arguments.singles)
            };
            let poster = way.poster.then(|| poster.clone());
            let before = meter.begin().await?;
            let begun = Instant::now();
            let posted = books.pay(way.payer, poster, callers, transfers).await?;
            let cost = meter.end(before, posted, begun.elapsed()).await?;
            eprintln!("round {round}: {}: {cost}", way.name);
            if round > 0 {
                costs.push(cost);
            }
        }
    }
    shutdown.cancel();
    run.await?;

    let report = books.ledger.verify().await?;
    ensure!(report.is_clean(), "{:?}", report.findings);
    println!(
        "| way | transfers/s | statements per transfer | WAL bytes per transfer |\n|---|---|---|---|"
    );
    let medians: Vec<Cost> = rounds.iter().map(|costs| Cost::median(costs)).collect();
    for (way, cost) in WAYS.iter().zip(&medians) {
        println!("| {} | {} |", way.name, cost.columns());
    }
    let [hot, cold, single_hot, single_cold] = [0, 1, 2, 3].map(|way: usize| &medians[way]);
    println!(
        "\nhot / cold through the poster: {}",
        hot.rate_against(cold)
    );
    println!(
        "poster / one transaction each, hot: {}",
        hot.rate_against(single_hot)
    );
    println!(
        "poster / one transaction each, cold: {}",
        cold.rate_against(single_cold)
    );
    println!(
        "verified: {} transfers, {} entries, {} accounts",
        report.transfers, report.entries, report.accounts
    );
    Ok(())
}
