//! What went wrong, and what is new, in the person's language.

use crate::api::{Failure, Reason, Status};
use crate::model::{AmountError, DescriptionError, Notice};
use crate::money::{Currency, MOST, Unreadable};
use crate::shop::Notification;
use crate::words::{Language, Words, fill};

/// Why a call failed.
pub(super) fn failure(failure: &Failure, words: &Words) -> String {
    match failure {
        Failure::Unreachable(_) => words.unreachable.to_owned(),
        Failure::Unreadable(detail) => fill(words.garbled, &[("detail", detail)]),
        Failure::Busy => words.busy.to_owned(),
        Failure::Refused(problem) => {
            let text = match problem.code.as_str() {
                "account_not_found" => words.account_missing.to_owned(),
                "balance_limit_exceeded" => words.limit_exceeded.to_owned(),
                "too_many_requests" => words.too_many.to_owned(),
                _ if problem.status >= 500 => words.unavailable.to_owned(),
                _ => fill(words.refused, &[("detail", &problem.detail)]),
            };
            if problem.trace_id.is_empty() {
                text
            } else {
                let trace = fill(words.trace, &[("id", &problem.trace_id)]);
                format!("{text} {trace}")
            }
        }
    }
}

/// What is wrong with an amount.
pub(super) fn amount(
    error: &AmountError,
    currency: &Currency,
    words: &Words,
    language: Language,
) -> String {
    let typed = match error {
        AmountError::TooMuchInAccount => return words.limit_exceeded.to_owned(),
        AmountError::Refused(detail) => return fill(words.refused, &[("detail", detail)]),
        AmountError::Typed(typed) => typed,
    };
    match typed {
        Unreadable::Empty => words.amount_empty.to_owned(),
        Unreadable::NotAnAmount => {
            let example = currency.show(2490, language);
            fill(words.amount_unreadable, &[("example", &example)])
        }
        Unreadable::TooFine => {
            let digits = currency.digits().to_string();
            fill(words.amount_fine, &[("count", &digits)])
        }
        Unreadable::OutOfRange => {
            let (least, most) = (currency.show(1, language), currency.show(MOST, language));
            fill(words.amount_range, &[("least", &least), ("most", &most)])
        }
    }
}

/// What is wrong with a description.
pub(super) fn description(error: &DescriptionError, words: &Words) -> String {
    match error {
        DescriptionError::Length => words.description_length.to_owned(),
        DescriptionError::Refused(detail) => fill(words.refused, &[("detail", detail)]),
    }
}

/// Where an order is.
pub(super) fn status(status: Status, words: &Words) -> &'static str {
    match status {
        Status::New => words.status_new,
        Status::Finished => words.status_paid,
        Status::Cancelled => words.status_cancelled,
    }
}

/// Why an order was cancelled, where that is known.
pub(super) fn reason(reason: Option<Reason>, words: &Words) -> Option<&'static str> {
    match reason? {
        Reason::InsufficientFunds => Some(words.reason_funds),
        Reason::NoAccount => Some(words.reason_account),
        Reason::Other => None,
    }
}

/// A notification of a settled order. What a person wrote is in the title,
/// where desktops show text as it is; in the body they may read markup.
pub(super) fn notification(notice: &Notice, language: Language) -> Notification {
    let words = language.words();
    let amount = Currency::new(&*notice.currency).show(notice.amount, language);
    let status = status(notice.status, words);
    let body = match reason(notice.reason, words) {
        Some(reason) => format!("{status} \u{b7} {reason} \u{b7} {amount}"),
        None => format!("{status} \u{b7} {amount}"),
    };
    Notification {
        title: notice.description.clone(),
        body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_says_what_became_of_which_order() {
        let notice = Notice {
            description: "Tea <b>".into(),
            amount: 2490,
            currency: "RUB".into(),
            status: Status::Cancelled,
            reason: Some(Reason::InsufficientFunds),
        };
        let english = notification(&notice, Language::English);
        assert_eq!(english.title, "Tea <b>");
        assert_eq!(
            english.body,
            "Cancelled \u{b7} Not enough money \u{b7} 24.90\u{a0}RUB"
        );
        let paid = Notice {
            status: Status::Finished,
            reason: None,
            ..notice
        };
        let russian = notification(&paid, Language::Russian);
        assert_eq!(russian.body, "Оплачен \u{b7} 24,90\u{a0}RUB");
    }

    #[test]
    fn a_failure_names_its_trace() {
        let refused = Failure::Refused(crate::api::Problem {
            status: 503,
            code: "unavailable".into(),
            detail: "payments is down".into(),
            errors: vec![],
            trace_id: "4bf9".into(),
        });
        let text = failure(&refused, Language::English.words());
        assert!(text.ends_with("twice. Trace 4bf9"), "{text}");
    }
}
