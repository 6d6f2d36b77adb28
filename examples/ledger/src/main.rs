//! Money between two accounts: booked once, never below the floor, held and
//! posted in part, taken back, spent by many at once, provable.
//! `cargo run -p gozon-example-ledger`

use anyhow::{Context, ensure};
use gozon_ledger::{
    AccountId, Asset, Ledger, LedgerConfig, NewAccount, PostError, Poster, PosterConfig,
    PosterError, Side, Transfer, TransferId,
};
use gozon_sqlx::sqlite;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let db = sqlite::open(&folder.path().join("money.db"), &Default::default()).await?;
    let ledger = Ledger::new(db, LedgerConfig::default())?;
    ledger.migrate().await?;

    // Amounts are whole minor units: 24.90 RUB is 2_490. What we owe a user is
    // a credit; where the money came from is a debit.
    let rub = Asset::new("RUB")?;
    let [bank, alice, bob] = [(); 3].map(|()| AccountId(Uuid::now_v7()));
    for account in [
        NewAccount::new(bank, rub.clone(), Side::Debit, "bank"),
        NewAccount::new(alice, rub.clone(), Side::Credit, "user").with_floor(0),
        NewAccount::new(bob, rub.clone(), Side::Credit, "user").with_floor(0),
    ] {
        ledger.open_account(&account).await?;
    }
    let topup = Transfer::new(TransferId(Uuid::now_v7()), "topup")
        .debit(bank, &rub, 10_000)
        .credit(alice, &rub, 10_000);
    let gift = Transfer::new(TransferId(Uuid::now_v7()), "gift")
        .debit(alice, &rub, 2_490)
        .credit(bob, &rub, 2_490);
    let outcomes = ledger.post(&[topup, gift.clone()]).await?;
    ensure!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");

    // The same transfer again, after a timeout perhaps, moves nothing.
    let again = ledger.post(&[gift]).await?;
    ensure!(
        matches!(&again[..], [Ok(posted)] if posted.replayed),
        "{again:?}"
    );

    // A floor is never broken, and the refusal says how much there was.
    let greedy = Transfer::new(TransferId(Uuid::now_v7()), "gift")
        .debit(alice, &rub, 10_000)
        .credit(bob, &rub, 10_000);
    let refused = ledger.post(&[greedy]).await?;
    ensure!(
        matches!(
            &refused[..],
            [Err(PostError::InsufficientFunds {
                available: 7_510,
                ..
            })]
        ),
        "{refused:?}"
    );

    // What an order will cost is held while it is packed: no longer Alice's to
    // spend, and not yet Bob's. A part of it is shipped; the rest is hers again.
    let hold = Transfer::new(TransferId(Uuid::now_v7()), "order")
        .debit(alice, &rub, 5_000)
        .credit(bob, &rub, 5_000)
        .pending(None);
    let shipped = Transfer::new(TransferId(Uuid::now_v7()), "order")
        .debit(alice, &rub, 3_000)
        .credit(bob, &rub, 3_000)
        .posting(hold.id);
    let returned_from = shipped.id;
    let placed = ledger.post(&[hold]).await?;
    ensure!(placed[0].is_ok(), "{placed:?}");
    let held = ledger.balance(alice).await?.context("no account")?;
    ensure!(
        (held.posted, held.available()) == (7_510, 2_510),
        "{held:?}"
    );
    let posted = ledger.post(&[shipped]).await?;
    ensure!(posted[0].is_ok(), "{posted:?}");

    // One thing comes back: a part of that is reversed.
    let refund = Transfer::new(TransferId(Uuid::now_v7()), "refund")
        .debit(bob, &rub, 500)
        .credit(alice, &rub, 500)
        .reversing(returned_from);
    let refunded = ledger.post(&[refund]).await?;
    ensure!(refunded[0].is_ok(), "{refunded:?}");

    for entry in ledger.statement(alice, None, 10).await? {
        println!("{:>8} {:>8}  {}", entry.amount, entry.balance, entry.code);
    }
    let balance = ledger.balance(bob).await?.context("no account")?;
    ensure!(balance.posted == 4_990, "{balance:?}");

    // Sixty requests at once, none with a transaction of its own, all on the
    // same two accounts: a poster commits together what comes together.
    let poster = Poster::new(ledger.clone(), PosterConfig::default())?;
    let shutdown = CancellationToken::new();
    let running = tokio::spawn({
        let (poster, shutdown) = (poster.clone(), shutdown.clone());
        async move { poster.run(shutdown).await }
    });
    let mut requests = JoinSet::new();
    for _ in 0..60 {
        let ticket = Transfer::new(TransferId(Uuid::now_v7()), "ticket")
            .debit(alice, &rub, 100)
            .credit(bob, &rub, 100);
        let poster = poster.clone();
        requests.spawn(async move { buy(&poster, ticket).await });
    }
    let answers = requests.join_all().await;
    let sold = answers.iter().filter(|answer| **answer == "sold").count();
    println!("{sold} tickets sold, {} refused", answers.len() - sold);
    shutdown.cancel();
    running.await?; // returns when whatever waited has its answer

    ensure!(ledger.verify().await?.is_clean(), "the books do not agree");
    Ok(())
}

/// What one request does.
async fn buy(poster: &Poster, ticket: Transfer) -> &'static str {
    match poster.post(ticket).await {
        Ok(_) => "sold",
        Err(PosterError::Refused(PostError::InsufficientFunds { .. })) => "no money",
        Err(PosterError::Refused(_) | PosterError::TooLarge { .. }) => "not like this",
        // Nothing was posted.
        Err(PosterError::Overloaded { .. } | PosterError::Stopped) => "busy",
        // It may stand in the books: the same transfer again tells.
        Err(PosterError::TimedOut | PosterError::Lost | PosterError::Failed(_)) => "ask again",
    }
}
