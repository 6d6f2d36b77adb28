use super::intent::Intent;
use crate::api::Failure;
use crate::money::{Currency, Unreadable};

/// The most characters of a description.
const LONGEST_DESCRIPTION: usize = 255;

/// What is typed to top up.
#[derive(Debug, Default)]
pub(crate) struct TopUpForm {
    pub(crate) amount: String,
    pub(crate) amount_error: Option<AmountError>,
    pub(crate) intent: Intent<i64>,
    /// What was added last, in minor units.
    pub(crate) added: Option<i64>,
}

/// What is typed to order.
#[derive(Debug, Default)]
pub(crate) struct OrderForm {
    pub(crate) description: String,
    pub(crate) description_error: Option<DescriptionError>,
    pub(crate) amount: String,
    pub(crate) amount_error: Option<AmountError>,
    pub(crate) intent: Intent<(i64, String)>,
}

/// What is wrong with an amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AmountError {
    /// Not to be read.
    Typed(Unreadable),
    /// The account would hold more than it can.
    TooMuchInAccount,
    /// The shop says so.
    Refused(String),
}

/// What is wrong with a description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DescriptionError {
    /// Empty or too long.
    Length,
    /// The shop says so.
    Refused(String),
}

impl TopUpForm {
    /// The amount, if it can be sent.
    pub(super) fn read(&mut self, currency: &Currency) -> Option<i64> {
        self.added = None;
        let (amount, error) = read_amount(&self.amount, currency);
        self.amount_error = error;
        amount
    }

    /// Puts the shop's refusal beside the field that it is about.
    pub(super) fn place_failure(&mut self) {
        let Some(failure) = &self.intent.failure else {
            return;
        };
        self.amount_error = if failure.has_code("balance_limit_exceeded") {
            Some(AmountError::TooMuchInAccount)
        } else {
            refused_at(failure, "/amount").map(AmountError::Refused)
        };
        if self.amount_error.is_some() {
            self.intent.failure = None;
        }
    }
}

impl OrderForm {
    /// Amount and description, if they can be sent.
    pub(super) fn read(&mut self, currency: &Currency) -> Option<(i64, String)> {
        let description = self.description.trim().to_owned();
        let fits = (1..=LONGEST_DESCRIPTION).contains(&description.chars().count());
        self.description_error = (!fits).then_some(DescriptionError::Length);
        let (amount, error) = read_amount(&self.amount, currency);
        self.amount_error = error;
        amount.filter(|_| fits).map(|amount| (amount, description))
    }

    /// Puts the shop's refusal beside the fields that it is about.
    pub(super) fn place_failure(&mut self) {
        let Some(failure) = &self.intent.failure else {
            return;
        };
        self.amount_error = refused_at(failure, "/amount").map(AmountError::Refused);
        self.description_error = refused_at(failure, "/description").map(DescriptionError::Refused);
        if self.amount_error.is_some() || self.description_error.is_some() {
            self.intent.failure = None;
        }
    }
}

fn read_amount(typed: &str, currency: &Currency) -> (Option<i64>, Option<AmountError>) {
    match currency.read(typed) {
        Ok(amount) => (Some(amount), None),
        Err(why) => (None, Some(AmountError::Typed(why))),
    }
}

fn refused_at(failure: &Failure, pointer: &str) -> Option<String> {
    match failure {
        Failure::Refused(problem) => problem.at(pointer).map(str::to_owned),
        Failure::Unreachable(_) | Failure::Unreadable(_) | Failure::Busy => None,
    }
}
