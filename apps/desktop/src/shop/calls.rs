use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::Reporter;
use crate::api::{Client, Failure};
use crate::model::{Answer, Call, News, Visit};
use crate::user::UserId;

/// A call and whose it is.
pub(super) struct Request {
    pub(super) visit: Visit,
    pub(super) user: UserId,
    pub(super) call: Call,
}

/// Starts the thread that makes the calls, one after the other: a person's
/// order of doing things is kept.
pub(super) fn spawn(
    client: Client,
    reporter: Reporter,
    queue: usize,
) -> io::Result<SyncSender<Request>> {
    let (sender, requests) = sync_channel(queue);
    thread::Builder::new()
        .name("calls".into())
        .spawn(move || run(&client, &reporter, &requests))?;
    Ok(sender)
}

fn run(client: &Client, reporter: &Reporter, requests: &Receiver<Request>) {
    while let Ok(Request { visit, user, call }) = requests.recv() {
        let answer = make(client, &user, call);
        if reporter.report(visit, News::Answer(answer)).is_err() {
            return;
        }
    }
}

fn make(client: &Client, user: &UserId, call: Call) -> Answer {
    match call {
        Call::Open => Answer::Opened(client.open_account(user)),
        Call::Balance => Answer::Balance(client.balance(user)),
        Call::TopUp { amount, key } => {
            Answer::ToppedUp(twice(|| client.top_up(user, amount, &key)))
        }
        Call::Order {
            amount,
            description,
            key,
        } => Answer::Ordered(twice(|| {
            client.place_order(user, amount, &description, &key)
        })),
        Call::Orders { older } => Answer::Orders {
            older: older.is_some(),
            page: client.orders(user, older.as_deref()),
        },
    }
}

/// What carries a key may be repeated without being done twice: once here, for
/// a connection that the shop had closed meanwhile, then by the person.
fn twice<T>(mut call: impl FnMut() -> Result<T, Failure>) -> Result<T, Failure> {
    match call() {
        Err(Failure::Unreachable(_)) => call(),
        done => done,
    }
}
