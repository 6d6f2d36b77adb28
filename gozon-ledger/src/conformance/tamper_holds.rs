use uuid::Uuid;

use crate::memory::State;
use crate::{AccountId, Kind, TransferId};

/// A change behind the ledger's back to what belongs to holds and reversals.
///
/// The account is credit-normal. Its reservations: the first by a hold without
/// end that was posted in part, the second by that posting, the third by an open
/// hold with an end. Its entries: the second by the posting, the third by a
/// transfer, the fourth by a partial reversal of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldTamper {
    /// The pending debits of the account grow by 1.
    Counter,
    /// The number of the account's reservations grows by 1.
    Number,
    /// The third reservation grows by 1.
    Amount,
    /// The second reservation goes away.
    RemoveReservation,
    /// The third reservation, the last, goes away.
    RemoveLastReservation,
    /// The third reservation's time becomes the first one's.
    Time,
    /// The floor becomes what is posted, of which a part is held.
    Floor,
    /// The ceiling becomes what is posted, while more is announced.
    Ceiling,
    /// The posted hold is voided as well.
    ResolveTwice,
    /// The posting posts 20 more than was held.
    PostMore,
    /// The posted hold had ended when it was posted.
    Expiry,
    /// The posting names another hold.
    OtherHold,
    /// The posted hold goes away, what it reserved stays.
    RemoveHold,
    /// The posted hold becomes a plain transfer.
    NotAHold,
    /// The reversal takes back 20 more.
    ReverseMore,
    /// The reversal names what is not there.
    ReverseNothing,
    /// The open hold is no longer listed.
    Unlist,
    /// The posted hold is listed as open.
    List,
    /// The open hold is listed without an end.
    ListedEnd,
}

/// Every kind, with what `verify` must answer, among other things.
pub(super) const ALL_OF_HOLDS: [(HoldTamper, &str); 19] = [
    (HoldTamper::Counter, "pending_differ"),
    (HoldTamper::Number, "reservation_gap"),
    (HoldTamper::Amount, "pending_broken"),
    (HoldTamper::RemoveReservation, "reservation_gap"),
    (HoldTamper::RemoveLastReservation, "reservation_gap"),
    (HoldTamper::Time, "pending_broken"),
    (HoldTamper::Floor, "limit_broken"),
    (HoldTamper::Ceiling, "limit_broken"),
    (HoldTamper::ResolveTwice, "resolved_twice"),
    (HoldTamper::PostMore, "resolution_broken"),
    (HoldTamper::Expiry, "resolution_broken"),
    (HoldTamper::OtherHold, "resolution_broken"),
    (HoldTamper::RemoveHold, "nothing_followed"),
    (HoldTamper::NotAHold, "nothing_followed"),
    (HoldTamper::ReverseMore, "over_reversed"),
    (HoldTamper::ReverseNothing, "nothing_followed"),
    (HoldTamper::Unlist, "open_hold_broken"),
    (HoldTamper::List, "open_hold_broken"),
    (HoldTamper::ListedEnd, "open_hold_broken"),
];

impl HoldTamper {
    pub(super) fn sql(self) -> String {
        let account = |set: &str| format!("UPDATE gozon_ledger_accounts SET {set} WHERE id = $1");
        let reservation = |set: &str, number: i64| {
            format!(
                "UPDATE gozon_ledger_reservations SET {set} WHERE account_id = $1 AND number = {number}"
            )
        };
        let remove = |number: i64| {
            format!(
                "DELETE FROM gozon_ledger_reservations WHERE account_id = $1 AND number = {number}"
            )
        };
        let entry = |set: &str, version: i64| {
            format!(
                "UPDATE gozon_ledger_entries SET {set} WHERE account_id = $1 AND version = {version}"
            )
        };
        let by = |number: i64| {
            format!(
                "(SELECT transfer_id FROM gozon_ledger_reservations WHERE account_id = $1 AND number = {number})"
            )
        };
        let (hold, posting, open) = (by(1), by(2), by(3));
        let reversal =
            "(SELECT transfer_id FROM gozon_ledger_entries WHERE account_id = $1 AND version = 4)";
        let transfer = |set: &str, id: &str| {
            format!("UPDATE gozon_ledger_transfers SET {set} WHERE id = {id}")
        };
        match self {
            Self::Counter => account("pending_debits = pending_debits + 1"),
            Self::Number => account("reservations = reservations + 1"),
            Self::Amount => reservation("debits = debits + 1", 3),
            Self::RemoveReservation => remove(2),
            Self::RemoveLastReservation => remove(3),
            Self::Time => reservation(
                "recorded_at = (SELECT min(recorded_at) FROM gozon_ledger_reservations)",
                3,
            ),
            Self::Floor => account("floor = credits - debits"),
            Self::Ceiling => account("ceiling = credits - debits, pending_credits = 1"),
            Self::ResolveTwice => format!(
                "INSERT INTO gozon_ledger_transfers \
                 (id, kind, pending_id, code, reference, metadata, request_hash, recorded_at) \
                 SELECT $1, 'void', pending_id, code, reference, metadata, request_hash, recorded_at \
                 FROM gozon_ledger_transfers WHERE id = {posting}"
            ),
            Self::PostMore => entry("amount = amount - 20", 2),
            Self::Expiry => transfer("expires_at = recorded_at", &hold),
            Self::OtherHold => transfer(&format!("pending_id = {open}"), &posting),
            Self::RemoveHold => format!("DELETE FROM gozon_ledger_transfers WHERE id = {hold}"),
            Self::NotAHold => transfer("kind = 'single'", &hold),
            Self::ReverseMore => entry("amount = amount + 20", 4),
            Self::ReverseNothing => transfer("reverses_id = $1", reversal),
            Self::Unlist => {
                format!("DELETE FROM gozon_ledger_open_holds WHERE transfer_id = {open}")
            }
            Self::List => {
                format!("INSERT INTO gozon_ledger_open_holds (transfer_id) SELECT {hold}")
            }
            Self::ListedEnd => format!(
                "UPDATE gozon_ledger_open_holds SET expires_at = NULL WHERE transfer_id = {open}"
            ),
        }
    }

    pub(super) fn memory(self, id: AccountId, state: &mut State) {
        let by = |number: i64| state.reservations[&(id, number)].transfer;
        let (hold, posting, open) = (by(1), by(2), by(3));
        let reversal = state.entries[&(id, 4)].transfer;
        let account = state.accounts.get_mut(&id).unwrap();
        let first = state.reservations[&(id, 1)].recorded_at;
        let third = state.reservations.get_mut(&(id, 3)).unwrap();
        let entries = &mut state.entries;
        let kind = |state: &mut State, transfer: TransferId, kind: Kind| {
            let recorded = state.transfers.get_mut(&transfer).unwrap();
            recorded.transfer.kind = kind;
        };
        match self {
            Self::Counter => account.pending_debits += 1,
            Self::Number => account.reservations += 1,
            Self::Amount => third.change.debits += 1,
            Self::Time => third.recorded_at = first,
            Self::Floor => account.floor = Some(account.credits - account.debits),
            Self::Ceiling => {
                account.ceiling = Some(account.credits - account.debits);
                account.pending_credits = 1;
            }
            Self::RemoveReservation => {
                state.reservations.remove(&(id, 2));
            }
            Self::RemoveLastReservation => {
                state.reservations.remove(&(id, 3));
            }
            Self::ResolveTwice => {
                let mut second = state.transfers[&posting].clone();
                second.transfer.id = TransferId(id.0);
                second.transfer.kind = Kind::Void { hold };
                state.transfers.insert(TransferId(id.0), second);
            }
            Self::PostMore => entries.get_mut(&(id, 2)).unwrap().amount -= 20,
            Self::Expiry => {
                let expires_at = Some(state.transfers[&hold].recorded_at);
                kind(state, hold, Kind::Pending { expires_at });
            }
            Self::OtherHold => kind(state, posting, Kind::Post { hold: open }),
            Self::RemoveHold => {
                state.transfers.remove(&hold);
            }
            Self::NotAHold => kind(state, hold, Kind::Single),
            Self::ReverseMore => entries.get_mut(&(id, 4)).unwrap().amount += 20,
            Self::ReverseNothing => {
                let original = TransferId(Uuid::nil());
                kind(state, reversal, Kind::Reversal { original });
            }
            Self::Unlist => {
                state.open_holds.remove(&open);
            }
            Self::List => {
                state.open_holds.insert(hold, None);
            }
            Self::ListedEnd => {
                state.open_holds.insert(open, None);
            }
        }
    }
}
