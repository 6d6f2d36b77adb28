//! What goes into the model and what comes out of it.

use std::time::Instant;

use crate::api::{Balance, Failure, Frame, Order, OrderPage, Reason, Status};
use crate::user::UserId;

/// One stay of one user. Answers carry it, so that nobody sees another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Visit(pub(crate) u64);

/// What a person wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Come in with the id that was typed.
    Enter,
    /// Come in as somebody new.
    EnterFresh,
    /// Let somebody else in.
    Leave,
    /// Open the account.
    OpenAccount,
    /// Top up by what was typed.
    TopUp,
    /// Top up by this much.
    Add(i64),
    /// Place the order that was typed.
    Order,
    /// Read older orders.
    Older,
    /// Read again what could not be read.
    Refresh,
    /// Try to connect at once.
    Reconnect,
}

/// What is to be done outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// Keep a live line for this user, instead of any other.
    Watch { visit: Visit, user: UserId },
    /// Keep no live line.
    Leave,
    /// Connect the live line at once if it waits.
    Reconnect,
    /// Call the shop and bring its answer.
    Call {
        visit: Visit,
        user: UserId,
        call: Call,
    },
    /// Tell the person, also when the window is not in front.
    Notify(Notice),
}

/// A call of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    Open,
    Balance,
    TopUp {
        amount: i64,
        key: String,
    },
    Order {
        amount: i64,
        description: String,
        key: String,
    },
    /// The newest, or the page at `older`.
    Orders {
        older: Option<String>,
    },
}

/// An order was settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) description: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) status: Status,
    pub(crate) reason: Option<Reason>,
}

/// What the shop told during a visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) visit: Visit,
    pub(crate) news: News,
}

/// News of the shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    /// A call has ended.
    Answer(Answer),
    /// The live line said something.
    Frame(Frame),
    /// The live line is now like this.
    Line(Line),
}

/// How a call has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Opened(Result<Balance, Failure>),
    Balance(Result<Balance, Failure>),
    ToppedUp(Result<Balance, Failure>),
    Ordered(Result<Order, Failure>),
    Orders {
        /// Whether it is a page of older ones.
        older: bool,
        page: Result<OrderPage, Failure>,
    },
}

impl Call {
    /// How it ends when it fails before it was sent.
    pub(crate) fn failed(&self, failure: Failure) -> Answer {
        match self {
            Self::Open => Answer::Opened(Err(failure)),
            Self::Balance => Answer::Balance(Err(failure)),
            Self::TopUp { .. } => Answer::ToppedUp(Err(failure)),
            Self::Order { .. } => Answer::Ordered(Err(failure)),
            Self::Orders { older } => Answer::Orders {
                older: older.is_some(),
                page: Err(failure),
            },
        }
    }
}

/// The live line. It is live from the frame `ready` on, not from the open
/// connection on: only then what was missed is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    Connecting,
    Live,
    /// Lost; the next attempt is at this time.
    Offline {
        retry_at: Instant,
    },
}
