use std::collections::VecDeque;

use super::Notice;
use crate::api::{Failure, Order, OrderPage, Reason, Status, StatusFrame};

/// Frames of orders that are not listed yet: at most so many are kept.
const AHEAD: usize = 128;

/// The orders that are shown, newest first.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    listed: Vec<Listed>,
    /// Where older ones are.
    older: Option<String>,
    /// Whether the newest page was read at least once.
    pub(crate) known: bool,
    /// Whether a page is being read.
    pub(crate) reading: bool,
    /// Why the last page could not be read.
    pub(crate) failure: Option<Failure>,
    /// The live line can be faster than the answer that an order was accepted.
    ahead: VecDeque<StatusFrame>,
}

/// An order in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) id: String,
    pub(crate) description: String,
    /// Minor units.
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) created_at: String,
    pub(crate) status: Status,
    pub(crate) reason: Option<Reason>,
    version: i64,
}

impl Orders {
    /// Newest first.
    pub(crate) fn listed(&self) -> &[Listed] {
        &self.listed
    }

    /// Where older ones are, if there are any.
    pub(crate) fn older(&self) -> Option<&str> {
        self.older.as_deref()
    }

    /// Takes an order that was just accepted.
    pub(super) fn add(&mut self, order: Order) -> Option<Notice> {
        self.insert(order)
    }

    /// Takes a page; what was settled meanwhile. A newest page that does not
    /// reach the orders that are listed replaces them: between the two there
    /// could be orders that are in neither.
    pub(super) fn take_page(&mut self, page: OrderPage, is_older: bool) -> Vec<Notice> {
        let reaches =
            page.older.is_none() || page.orders.iter().any(|order| self.find(&order.id).is_ok());
        if is_older {
            self.older = page.older;
        } else if !self.known || !reaches {
            let oldest = page.orders.last().map(|order| order.id.clone());
            self.listed
                .retain(|listed| oldest.as_ref().is_some_and(|oldest| listed.id >= *oldest));
            self.older = page.older;
        }
        self.known = true;
        self.failure = None;
        let orders = page.orders.into_iter();
        orders.filter_map(|order| self.insert(order)).collect()
    }

    /// Takes a status; `Err` when its order is not listed.
    pub(super) fn hear(&mut self, frame: StatusFrame) -> Result<Option<Notice>, ()> {
        match self.find(&frame.order_id) {
            Ok(index) => Ok(self.listed[index].settle(frame.status, frame.reason, frame.version)),
            Err(_) => {
                self.ahead.retain(|known| {
                    known.order_id != frame.order_id || known.version > frame.version
                });
                if self.ahead.len() == AHEAD {
                    self.ahead.pop_front();
                }
                self.ahead.push_back(frame);
                Err(())
            }
        }
    }

    fn insert(&mut self, order: Order) -> Option<Notice> {
        match self.find(&order.id) {
            Ok(index) => self.listed[index].settle(order.status, order.reason, order.version),
            Err(index) => {
                let mut listed = Listed::from(order);
                let ahead = self.ahead.iter().position(|f| f.order_id == listed.id);
                let frame = ahead.and_then(|index| self.ahead.remove(index));
                let notice = frame
                    .and_then(|frame| listed.settle(frame.status, frame.reason, frame.version));
                self.listed.insert(index, listed);
                notice
            }
        }
    }

    /// Ids are UUIDv7, which sort by time.
    fn find(&self, id: &str) -> Result<usize, usize> {
        self.listed
            .binary_search_by(|listed| id.cmp(listed.id.as_str()))
    }
}

impl Listed {
    /// Takes a status unless it is old; a notice when it settles the order.
    fn settle(&mut self, status: Status, reason: Option<Reason>, version: i64) -> Option<Notice> {
        if version <= self.version {
            return None;
        }
        let was_open = self.status == Status::New;
        self.status = status;
        self.reason = reason;
        self.version = version;
        (was_open && status != Status::New).then(|| Notice {
            description: self.description.clone(),
            amount: self.amount,
            currency: self.currency.clone(),
            status,
            reason,
        })
    }
}

impl From<Order> for Listed {
    fn from(order: Order) -> Self {
        Self {
            id: order.id,
            description: order.description,
            amount: order.amount,
            currency: order.currency,
            created_at: order.created_at,
            status: order.status,
            reason: order.reason,
            version: order.version,
        }
    }
}
