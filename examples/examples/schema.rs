//! The schemas as plain SQL, for whoever applies them with another tool.
//! `cargo run -p gozon-examples --example schema -- postgres > gozon.sql`

use gozon_inbox::InboxDatabase;
use gozon_ledger::LedgerDatabase;
use gozon_outbox::OutboxDatabase;
use gozon_sqlx::{Migrations, Postgres, Sqlite};

fn main() -> anyhow::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("postgres") => print!("{}", on_postgres()),
        Some("sqlite") => print!("{}", on_sqlite()),
        _ => anyhow::bail!("say postgres or sqlite"),
    }
    Ok(())
}

/// Everything, for a database that has none of it.
fn on_postgres() -> String {
    let crates: [Migrations; 3] = [
        <Postgres as OutboxDatabase>::MIGRATIONS,
        <Postgres as InboxDatabase>::MIGRATIONS,
        <Postgres as LedgerDatabase>::MIGRATIONS,
    ];
    let scripts = crates.map(|migrations| migrations.script::<Postgres>(0));
    scripts.concat()
}

fn on_sqlite() -> String {
    let crates: [Migrations; 3] = [
        <Sqlite as OutboxDatabase>::MIGRATIONS,
        <Sqlite as InboxDatabase>::MIGRATIONS,
        <Sqlite as LedgerDatabase>::MIGRATIONS,
    ];
    let scripts = crates.map(|migrations| migrations.script::<Sqlite>(0));
    scripts.concat()
}

#[test]
fn each_crate_comes_with_its_tables_and_its_history() {
    for script in [on_postgres(), on_sqlite()] {
        for table in ["gozon_outbox", "gozon_inbox", "gozon_ledger_entries"] {
            assert!(
                script.contains(&format!("CREATE TABLE {table} (")),
                "{table}"
            );
        }
        assert_eq!(script.matches("COMMIT;").count(), 3);
    }
}
