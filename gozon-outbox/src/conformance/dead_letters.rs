//! What people decide about messages that the broker refused.

use std::collections::HashSet;
use std::time::Duration;

use gozon_core::MessageId;

use super::writing::failure;
use super::{Bench, message, texts};
use crate::OutboxDatabase;
use crate::desk::{DeadLetterPage, Ruling, Signature};
use crate::store::{Failure, Leases, RowState};

fn signed(by: &str) -> Signature {
    Signature {
        by: by.to_owned(),
        reason: format!("{by} said so"),
    }
}

/// Appends one message per text and buries those that say `dead`. Returns their
/// numbers.
async fn bury<D: OutboxDatabase>(
    bench: &Bench<D>,
    leases: &Leases,
    messages: &[(Option<&str>, &str)],
) -> Vec<i64> {
    let messages: Vec<_> = messages
        .iter()
        .map(|(key, text)| message(*key, text))
        .collect();
    bench.append(&messages).await;
    let rows = bench.read(leases).await;
    let dead = rows.iter().filter(|row| row.data.starts_with(b"dead"));
    let seqs: Vec<i64> = dead.map(|row| row.seq).collect();
    let failures: Vec<Failure> = seqs.iter().map(|seq| failure(*seq, true)).collect();
    bench.store.hold(leases, &failures).await.unwrap();
    seqs
}

/// With reason, size and ages; by type, by key, and a page at a time.
pub async fn dead_letters_are_listed_page_by_page<D: OutboxDatabase>(bench: &Bench<D>) {
    let leases = bench.own_all().await;
    let said = [
        (Some("a"), "dead"),
        (Some("a"), "next"),
        (None, "dead too"),
        (Some("b"), "dead as well"),
    ];
    let seqs = bury(bench, &leases, &said).await;
    let list = async |page: DeadLetterPage| bench.desk.dead_letters(&page).await.unwrap();

    let all = list(DeadLetterPage::default()).await;
    assert_eq!(all.iter().map(|dead| dead.seq).collect::<Vec<_>>(), seqs);
    let first = &all[0];
    assert_eq!(
        (first.key.as_deref(), &*first.kind, &*first.reason),
        (Some("a"), "probe", "because")
    );
    assert_eq!((first.attempts, first.bytes), (1, 4));
    assert!(first.dead_for.unwrap() <= first.age && first.age < Duration::from_secs(60));

    let page = DeadLetterPage {
        after: Some(seqs[0]),
        limit: 1,
        ..DeadLetterPage::default()
    };
    let second = list(page).await;
    assert_eq!((second.len(), second[0].seq), (1, seqs[1]));
    let of_key = DeadLetterPage {
        key: Some("b".to_owned()),
        ..DeadLetterPage::default()
    };
    assert_eq!(list(of_key).await[0].seq, seqs[2]);
    let of_kind = DeadLetterPage {
        kind: Some("another".to_owned()),
        ..DeadLetterPage::default()
    };
    assert!(list(of_kind).await.is_empty());
}

/// Held and to be tried at once, never ready: it stays before its followers, and
/// whoever owns its key is the one that publishes it.
pub async fn a_replayed_dead_letter_keeps_its_place<D: OutboxDatabase>(bench: &Bench<D>) {
    let leases = bench.own_all().await;
    let said = [
        (Some("k"), "dead"),
        (Some("k"), "1"),
        (Some("k"), "2"),
        (None, "dead"),
    ];
    let seqs = bury(bench, &leases, &said).await;
    let key = ["k".to_owned()];
    bench.store.sweep(&leases, &key).await.unwrap();

    let replayed = bench.desk.replay(&seqs, &signed("maria")).await.unwrap();

    assert_eq!(replayed, seqs);
    assert!(bench.read(&leases).await.is_empty(), "something is ready");
    let kept = bench.kept(&leases).await;
    assert_eq!(kept.len(), 2);
    for kept in &kept {
        assert!(seqs.contains(&kept.seq) && !kept.dead && kept.retry_in.is_zero());
    }
    let fetched = bench.store.fetch(&seqs).await.unwrap();
    assert!(fetched.iter().all(|row| row.state == RowState::Held));
    assert_eq!(texts(&fetched), ["dead", "dead"]);
    // As the owner does after the confirm.
    bench.store.delete(&seqs).await.unwrap();
    bench.store.unhold(&leases, &key).await.unwrap();
    assert_eq!(texts(&bench.read(&leases).await), ["1", "2"]);
}

/// It leaves the outbox, and is kept whole with the decision.
pub async fn a_discarded_dead_letter_is_kept_with_the_decision<D: OutboxDatabase>(
    bench: &Bench<D>,
) {
    let leases = bench.own_all().await;
    let seqs = bury(bench, &leases, &[(Some("k"), "dead"), (Some("k"), "next")]).await;
    let dead = bench.desk.dead_letters(&DeadLetterPage::default()).await;
    let id = dead.unwrap()[0].id;

    let discarded = bench.desk.discard(&seqs, &signed("maria")).await.unwrap();

    assert_eq!(discarded, seqs);
    assert!(bench.store.fetch(&seqs).await.unwrap().is_empty());
    let kept = bench.desk.discarded(id).await.unwrap().unwrap();
    assert_eq!(
        (kept.id, kept.key.as_deref(), &kept.data[..]),
        (id, Some("k"), &b"dead"[..])
    );
    let decisions = bench.desk.decisions(Some(id), None, 10).await.unwrap();
    assert_eq!(decisions.len(), 1);
    assert_eq!(decisions[0].ruling, Ruling::Discarded);
    bench
        .store
        .unhold(&leases, &["k".to_owned()])
        .await
        .unwrap();
    assert_eq!(texts(&bench.read(&leases).await), ["next"]);
    assert_eq!(bench.store.stats().await.unwrap().dead, 0);
}

/// What is ready, held, replayed or gone is left alone, and nothing is recorded.
pub async fn only_dead_letters_are_decided_about<D: OutboxDatabase>(bench: &Bench<D>) {
    let leases = bench.own_all().await;
    let dead = bury(bench, &leases, &[(Some("k"), "dead")]).await;
    bench
        .append(&[message(Some("h"), "held"), message(None, "ready")])
        .await;
    let rows = bench.read(&leases).await;
    bench
        .store
        .hold(&leases, &[failure(rows[0].seq, false)])
        .await
        .unwrap();
    let others = [rows[0].seq, rows[1].seq, rows[1].seq + 1_000];
    let signature = signed("maria");

    for seqs in [&others[..], &[]] {
        let replayed = bench.desk.replay(seqs, &signature).await.unwrap();
        let discarded = bench.desk.discard(seqs, &signature).await.unwrap();
        assert_eq!((replayed.len(), discarded.len()), (0, 0));
    }
    assert_eq!(bench.desk.replay(&dead, &signature).await.unwrap(), dead);
    for _ in 0..2 {
        assert!(
            bench
                .desk
                .replay(&dead, &signature)
                .await
                .unwrap()
                .is_empty()
        );
        assert!(
            bench
                .desk
                .discard(&dead, &signature)
                .await
                .unwrap()
                .is_empty()
        );
    }

    assert_eq!(texts(&bench.read(&leases).await), ["ready"]);
    let kept = bench.kept(&leases).await;
    assert!(
        kept.iter()
            .any(|kept| kept.seq == rows[0].seq && !kept.retry_in.is_zero())
    );
    assert_eq!(bench.desk.decisions(None, None, 10).await.unwrap().len(), 1);
}

/// Who, why, what it was about and what the broker had said; newest first.
pub async fn every_decision_is_recorded<D: OutboxDatabase>(bench: &Bench<D>) {
    let leases = bench.own_all().await;
    let said = [(Some("a"), "dead 1"), (None, "dead 2"), (None, "dead 3")];
    let seqs = bury(bench, &leases, &said).await;
    let dead = bench
        .desk
        .dead_letters(&DeadLetterPage::default())
        .await
        .unwrap();
    bench
        .desk
        .replay(&seqs[..2], &signed("maria"))
        .await
        .unwrap();
    // Refused again, and given up.
    bench
        .store
        .hold(&leases, &[failure(seqs[0], true)])
        .await
        .unwrap();
    bench
        .desk
        .discard(&seqs[..1], &signed("jonas"))
        .await
        .unwrap();

    let decisions = bench.desk.decisions(None, None, 10).await.unwrap();

    let summary: Vec<_> = decisions
        .iter()
        .map(|made| {
            (
                made.seq,
                made.ruling,
                made.signature.by.as_str(),
                made.attempts,
            )
        })
        .collect();
    assert_eq!(
        summary,
        [
            (seqs[0], Ruling::Discarded, "jonas", 2),
            (seqs[1], Ruling::Replayed, "maria", 1),
            (seqs[0], Ruling::Replayed, "maria", 1),
        ]
    );
    assert!(decisions.is_sorted_by(|newer, older| newer.number > older.number));
    assert!(decisions.is_sorted_by(|newer, older| newer.at >= older.at));
    let last = &decisions[2];
    assert_eq!((last.id, last.key.as_deref()), (dead[0].id, Some("a")));
    assert_eq!((&*last.kind, &*last.refused), ("probe", "because"));
    assert_eq!(last.signature, signed("maria"));
    let page = bench
        .desk
        .decisions(None, Some(decisions[0].number), 1)
        .await;
    assert_eq!(page.unwrap(), decisions[1..2]);
    let about = bench
        .desk
        .decisions(Some(dead[0].id), None, 10)
        .await
        .unwrap();
    assert_eq!(about.len(), 2);
    let nobody = MessageId::generate();
    assert!(
        bench
            .desk
            .decisions(Some(nobody), None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(bench.desk.discarded(dead[1].id).await.unwrap().is_none());
}

/// Numbers in the order of commits: whoever has seen one has seen all before it.
/// Decisions that overlap would otherwise be missed by the relay.
pub async fn who_follows_the_decisions_misses_none<D: OutboxDatabase>(bench: &Bench<D>) {
    const DECIDERS: usize = 8;
    let leases = bench.own_all().await;
    let said = vec![(None, "dead"); DECIDERS * 20];
    let seqs = bury(bench, &leases, &said).await;
    let start = bench.store.decided(None, 10).await.unwrap();
    assert!(start.messages.is_empty());
    let mut deciders = tokio::task::JoinSet::new();
    for part in seqs.chunks(seqs.len() / DECIDERS) {
        let (bench, part) = (bench.clone(), part.to_vec());
        deciders.spawn(async move {
            for seq in part {
                bench.desk.replay(&[seq], &signed("maria")).await.unwrap();
            }
        });
    }

    let mut seen = HashSet::new();
    let mut number = start.number;
    loop {
        let over = deciders.is_empty();
        let decided = bench.store.decided(Some(number), 7).await.unwrap();
        assert!(decided.number >= number && decided.messages.len() <= 7);
        number = decided.number;
        let idle = decided.messages.is_empty();
        seen.extend(decided.messages.into_iter().map(|(seq, _)| seq));
        if idle && over {
            break;
        }
        while let Some(done) = deciders.try_join_next() {
            done.unwrap();
        }
    }

    let missed: Vec<_> = seqs.iter().filter(|seq| !seen.contains(seq)).collect();
    assert!(missed.is_empty(), "decisions missed: {missed:?}");
    let last = bench.store.decided(None, 1).await.unwrap();
    assert_eq!(last.number, number);
}

/// The broker may have refused it for its size, and it may be looked at often.
pub async fn a_dead_letter_is_looked_at_without_its_payload<D: OutboxDatabase>(bench: &Bench<D>) {
    let leases = bench.own_all().await;
    let seqs = bury(bench, &leases, &[(Some("k"), "dead and large")]).await;

    let fetched = bench.store.fetch(&seqs).await.unwrap();

    assert_eq!(fetched[0].state, RowState::Dead);
    assert!(fetched[0].data.is_empty());
    bench.desk.replay(&seqs, &signed("maria")).await.unwrap();
    assert_eq!(
        texts(&bench.store.fetch(&seqs).await.unwrap()),
        ["dead and large"]
    );
}
