//! What an outbox takes, and what it does not.

use std::time::Duration;

use gozon_core::{Append, AppendError, Envelope, ErrorClass};

use super::dice::Dice;
use super::writing::failure;
use super::{Bench, message};
use crate::{OutboxConfig, OutboxDatabase};

/// Whole, in every state and from state to state. What is longer, or what some
/// database cannot hold, is refused before anything is written, on every one.
pub async fn a_key_is_kept_up_to_its_limit_and_refused_beyond<D: OutboxDatabase>(bench: &Bench<D>) {
    let mut dice = Dice(7);
    // Nothing in it repeats, or an index would keep it compressed.
    let mut long = |last: char| {
        let letters = ('!'..='~').collect::<Vec<_>>();
        let random = (1..OutboxConfig::KEY_BYTES).map(|_| letters[dice.index(letters.len())]);
        random.chain([last]).collect::<String>()
    };
    let (ready, later) = (long('1'), long('2'));
    let mut kind = message(Some("k"), "kind");
    kind.envelope.kind = "k".repeat(OutboxConfig::KIND_BYTES);
    let delayed = message(Some(&later), "delayed").with_delay(Duration::ZERO);
    bench
        .append(&[message(Some(&ready), ""), kind, delayed])
        .await;
    let leases = bench.own_all().await;
    assert_eq!(bench.store.promote(&leases, 10).await.unwrap(), 1);
    let rows = bench.read(&leases).await;
    let seq = |key: &str| {
        let row = rows.iter().find(|row| row.key.as_deref() == Some(key));
        row.expect("the key is whole").seq
    };
    let dead = failure(seq(&ready), true);
    bench.store.hold(&leases, &[dead]).await.unwrap();
    assert_eq!(bench.kept(&leases).await[0].key, Some(ready));
    bench.store.archive(&[seq(&later), seq("k")]).await.unwrap();

    type Break = fn(&mut Envelope);
    let unfit: [(&str, Break); 5] = [
        ("key", |it| {
            it.key = Some("k".repeat(OutboxConfig::KEY_BYTES + 1))
        }),
        ("key", |it| it.key = Some("a\0b".to_owned())),
        ("kind", |it| {
            it.kind = "k".repeat(OutboxConfig::KIND_BYTES + 1)
        }),
        ("kind", |it| it.kind = "a\0b".to_owned()),
        ("kind", |it| it.kind = String::new()),
    ];
    for (wrong, make) in unfit {
        let mut unfit = message(Some("k"), "");
        make(&mut unfit.envelope);
        let mut tx = bench.db.begin().await.unwrap();
        let refused = bench.outbox.append(&mut tx, &[unfit]).await.unwrap_err();
        assert!(matches!(refused, AppendError::Unfit { field, .. } if field == wrong));
        assert_eq!(refused.class(), ErrorClass::Reject);
    }
}

/// Refused before anything is written.
pub async fn a_message_that_is_too_large_is_refused<D: OutboxDatabase>(bench: &Bench<D>) {
    let limit = OutboxConfig::default().max_payload_bytes;
    let mut large = message(None, "");
    large.envelope.data = vec![0; limit + 1].into();
    let mut tx = bench.db.begin().await.unwrap();

    let refused = bench.outbox.append(&mut tx, &[large]).await.unwrap_err();

    assert!(matches!(refused, AppendError::TooLarge { bytes, .. } if bytes == limit + 1));
    assert_eq!(refused.class(), ErrorClass::Reject);
}
