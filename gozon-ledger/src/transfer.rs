use time::OffsetDateTime;

use crate::{AccountId, Asset, Balance, Side, TransferId};

/// A movement of money that happens as a whole or not at all.
///
/// Its debits equal its credits, per asset. Two legs are the common case; a
/// price and its fee are three.
///
/// ```
/// use gozon_ledger::{AccountId, Asset, Transfer, TransferId};
/// use uuid::Uuid;
///
/// let rub = Asset::new("RUB")?;
/// let user = AccountId(Uuid::new_v5(&Uuid::NAMESPACE_OID, b"user 1"));
/// let revenue = AccountId(Uuid::new_v5(&Uuid::NAMESPACE_OID, b"revenue"));
/// let order = Uuid::now_v7();
///
/// let payment = Transfer::new(TransferId(Uuid::new_v5(&order, b"payment")), "payment")
///     .debit(user, &rub, 24_90)
///     .credit(revenue, &rub, 24_90)
///     .with_reference(order.to_string());
/// # assert_eq!(payment.legs.len(), 2);
/// # Ok::<(), gozon_ledger::InvalidAsset>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Chosen by the caller: the same id never moves money twice.
    pub id: TransferId,
    /// What kind of movement, in the application's words (`payment`, `topup`):
    /// 1–64 bytes.
    pub code: String,
    /// The business fact behind it, such as an order id, for people and
    /// statements: up to 255 bytes. Default empty.
    pub reference: String,
    /// Whatever else belongs to it, as JSON text, kept byte by byte and never
    /// read by the ledger. Default empty.
    pub metadata: String,
    /// What goes where; the order has no meaning. An account appears at most
    /// once.
    pub legs: Vec<Leg>,
}

/// One account's part of a [`Transfer`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leg {
    /// Whose.
    pub account: AccountId,
    /// Debit or credit.
    pub side: Side,
    /// What the caller takes the account to count; another asset is refused.
    pub asset: Asset,
    /// Minor units, above 0.
    pub amount: i64,
}

impl Leg {
    /// The leg that made an entry of `amount`, in the account's normal direction.
    pub fn of_entry(account: AccountId, normal: Side, asset: Asset, amount: i64) -> Self {
        Self {
            account,
            side: if amount > 0 {
                normal
            } else {
                normal.opposite()
            },
            asset,
            // Only a forged amount can saturate; its hash then does not match.
            amount: amount.saturating_abs(),
        }
    }
}

impl Transfer {
    /// A transfer without legs; add at least two.
    pub fn new(id: TransferId, code: impl Into<String>) -> Self {
        Self {
            id,
            code: code.into(),
            reference: String::new(),
            metadata: String::new(),
            legs: Vec::with_capacity(2),
        }
    }

    /// Adds a debit: takes from a credit-normal account.
    #[must_use]
    pub fn debit(self, account: AccountId, asset: &Asset, amount: i64) -> Self {
        self.leg(account, Side::Debit, asset, amount)
    }

    /// Adds a credit: gives to a credit-normal account.
    #[must_use]
    pub fn credit(self, account: AccountId, asset: &Asset, amount: i64) -> Self {
        self.leg(account, Side::Credit, asset, amount)
    }

    /// Names the business fact behind the transfer.
    #[must_use]
    pub fn with_reference(self, reference: impl Into<String>) -> Self {
        Self {
            reference: reference.into(),
            ..self
        }
    }

    /// Attaches JSON text.
    #[must_use]
    pub fn with_metadata(self, metadata: impl Into<String>) -> Self {
        Self {
            metadata: metadata.into(),
            ..self
        }
    }

    fn leg(mut self, account: AccountId, side: Side, asset: &Asset, amount: i64) -> Self {
        self.legs.push(Leg {
            account,
            side,
            asset: asset.clone(),
            amount,
        });
        self
    }
}

/// A transfer stands in the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// It stood there before this call; nothing was moved now.
    pub replayed: bool,
    /// What each account held right after this transfer, in the order of the
    /// legs; for a replay, what it held *then*.
    pub balances: Vec<(AccountId, Balance)>,
    /// When it was recorded; rises with each account's version.
    pub recorded_at: OffsetDateTime,
}

impl Posted {
    /// What `account` held right after the transfer; `None` if it has no leg.
    pub fn balance_of(&self, account: AccountId) -> Option<Balance> {
        let found = self.balances.iter().find(|(id, _)| *id == account);
        found.map(|(_, balance)| *balance)
    }
}

/// One line of an account's statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whose.
    pub account: AccountId,
    /// The account's entries are numbered 1, 2, 3, …; the cursor for paging.
    pub version: i64,
    /// The transfer that made it.
    pub transfer: TransferId,
    /// The transfer's code.
    pub code: String,
    /// The transfer's reference.
    pub reference: String,
    /// The transfer's metadata.
    pub metadata: String,
    /// Minor units in the account's normal direction: what made it grow is
    /// positive.
    pub amount: i64,
    /// What the account held after it.
    pub balance: i64,
    /// When; rises with the version.
    pub recorded_at: OffsetDateTime,
}
