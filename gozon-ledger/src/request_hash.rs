use sha2::{Digest, Sha256};

use crate::{Kind, Leg, Side, Transfer};

/// What the caller asked for, as 32 bytes: decides whether a repeated id is a
/// replay or a conflict.
///
/// SHA-256 over the caller's intent only (id, code, reference, metadata, legs
/// sorted by account, and what kind of transfer it is); nothing that the ledger
/// adds goes in, or no honest retry would match. What a caller left to the
/// transfer that it follows on was filled in from there before, which is the
/// same whenever it is done, since that one never changes. Every text carries its length in front, so that no two
/// different transfers are written as the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestHash(pub [u8; 32]);

/// Names the encoding. A later kind of transfer gets a tag of its own, so that
/// hashes already stored stay valid.
const ENCODING: &[u8] = b"gozon-ledger transfer 1";
/// … of every other kind than `Single`: the kind follows.
const ENCODING_OF_KIND: &[u8] = b"gozon-ledger transfer 2";

impl RequestHash {
    /// The hash of what `transfer` asks for.
    pub fn of(transfer: &Transfer) -> Self {
        let mut hash = Sha256::new();
        begin(&mut hash, transfer.kind);
        hash.update(transfer.id.0.as_bytes());
        text(&mut hash, transfer.code.as_bytes());
        text(&mut hash, transfer.reference.as_bytes());
        text(&mut hash, transfer.metadata.as_bytes());
        let mut legs: Vec<&Leg> = transfer.legs.iter().collect();
        legs.sort_unstable();
        hash.update(length(legs.len()));
        for leg in legs {
            hash.update(leg.account.0.as_bytes());
            hash.update([match leg.side {
                Side::Debit => 0,
                Side::Credit => 1,
            }]);
            text(&mut hash, leg.asset.as_str().as_bytes());
            hash.update(leg.amount.to_be_bytes());
        }
        Self(hash.finalize().into())
    }
}

fn begin(hash: &mut Sha256, kind: Kind) {
    if kind == Kind::Single {
        text(hash, ENCODING);
        return;
    }
    text(hash, ENCODING_OF_KIND);
    text(hash, kind.as_str().as_bytes());
    if let Some(named) = kind.named() {
        hash.update(named.0.as_bytes());
    }
    if let Kind::Pending { expires_at } = kind {
        hash.update([u8::from(expires_at.is_some())]);
        if let Some(time) = expires_at {
            // In the width that is stored.
            hash.update((time.unix_timestamp_nanos() / 1_000).to_be_bytes());
        }
    }
}

fn text(hash: &mut Sha256, bytes: &[u8]) {
    hash.update(length(bytes.len()));
    hash.update(bytes);
}

/// Eight bytes on every machine.
fn length(len: usize) -> [u8; 8] {
    u64::try_from(len).unwrap_or(u64::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{AccountId, Asset, TransferId};

    fn transfer() -> Transfer {
        let rub = Asset::new("RUB").unwrap();
        Transfer::new(TransferId(Uuid::from_u128(7)), "payment")
            .debit(AccountId(Uuid::from_u128(1)), &rub, 5)
            .credit(AccountId(Uuid::from_u128(2)), &rub, 5)
            .with_reference("order")
    }

    #[test]
    fn the_order_of_legs_has_no_meaning() {
        let mut turned = transfer();
        turned.legs.reverse();

        assert_eq!(RequestHash::of(&turned), RequestHash::of(&transfer()));
    }

    #[test]
    fn text_that_moves_between_fields_is_another_request() {
        let moved = transfer().with_reference("or").with_metadata("der");

        assert_ne!(RequestHash::of(&moved), RequestHash::of(&transfer()));
    }

    #[test]
    fn the_encoding_never_changes() {
        // Stored hashes depend on it: a change here is a new tag, not a new value.
        let hex: String = RequestHash::of(&transfer())
            .0
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();

        assert_eq!(
            hex,
            "c75e07f7246607c2f63aaaac46025e50d576eb5ee20246103d4cebde8db52f31"
        );
    }

    #[test]
    fn every_part_of_the_request_counts() {
        let all = [
            transfer(),
            Transfer {
                id: TransferId(Uuid::from_u128(8)),
                ..transfer()
            },
            Transfer {
                code: "topup".into(),
                ..transfer()
            },
            transfer().with_metadata("{}"),
            {
                let mut swapped = transfer();
                for leg in &mut swapped.legs {
                    leg.side = leg.side.opposite();
                }
                swapped
            },
            {
                let mut more = transfer();
                for leg in &mut more.legs {
                    leg.amount = 6;
                }
                more
            },
            transfer().pending(None),
            transfer().pending(Some(time::OffsetDateTime::UNIX_EPOCH)),
            transfer().posting(TransferId(Uuid::from_u128(1))),
            transfer().posting(TransferId(Uuid::from_u128(2))),
            transfer().voiding(TransferId(Uuid::from_u128(1))),
            transfer().expiring(TransferId(Uuid::from_u128(1))),
            transfer().reversing(TransferId(Uuid::from_u128(1))),
        ];
        for (i, a) in all.iter().enumerate() {
            for b in &all[i + 1..] {
                assert_ne!(RequestHash::of(a), RequestHash::of(b));
            }
        }
    }
}
