//! How the subcommand is written on the command line.

use clap::{Arg, ArgMatches, Command, value_parser};
use gozon_core::MessageId;
use gozon_inbox::DeadPosition;
use gozon_outbox::{DeadLetterPage, Signature};

use super::inbox::{read_id, read_position};
use super::{AskInbox, AskOutbox, DeadLetters};

/// The subcommand's name.
pub(crate) const NAME: &str = "dead-letters";

pub(crate) fn command() -> Command {
    Command::new(NAME)
        .about("Lists, replays or discards messages that could not be sent or handled")
        .subcommand_required(true)
        .subcommand(outbox())
        .subcommand(inbox())
}

fn outbox() -> Command {
    Command::new("outbox")
        .about("Those that the broker refused")
        .subcommand_required(true)
        .subcommand(
            Command::new("list")
                .about("Dead letters, oldest first, one JSON object a line")
                .arg(text("type", "TYPE", "Only of this event type"))
                .arg(text("key", "KEY", "Only of this ordering key"))
                .arg(number(
                    "after",
                    "Only those after this number: the next page",
                ))
                .arg(limit()),
        )
        .subcommand(deciding(
            "replay",
            "Publishes dead letters again, each before what waits behind it",
            numbers(),
        ))
        .subcommand(deciding(
            "discard",
            "Gives dead letters up; what waits behind them flows, and they are kept aside",
            numbers(),
        ))
        .subcommand(decisions())
}

fn inbox() -> Command {
    let consumer = || {
        text(
            "consumer",
            "NAME",
            "Whose, such as payments.orders: `consumer` in the metrics",
        )
        .required(true)
    };
    let ids = || {
        Arg::new("id")
            .value_name("ID")
            .required(true)
            .num_args(1..)
            .value_parser(read_id)
            .help("Their ids, as `list` shows them")
    };
    Command::new("inbox")
        .about("Those that no handler could take")
        .subcommand_required(true)
        .subcommand(
            Command::new("list")
                .about("Dead letters, newest first, one JSON object a line")
                .arg(consumer())
                .arg(
                    text(
                        "after",
                        "POSITION",
                        "Only those behind this `position`: the next page",
                    )
                    .value_parser(read_position),
                )
                .arg(limit()),
        )
        .subcommand(
            deciding(
                "replay",
                "Gives dead letters to their consumer once more",
                ids(),
            )
            .arg(consumer()),
        )
        .subcommand(
            deciding(
                "discard",
                "Gives dead letters up; they are kept with the decision",
                ids(),
            )
            .arg(consumer()),
        )
        .subcommand(decisions().arg(consumer()))
}

fn deciding(name: &'static str, about: &'static str, which: Arg) -> Command {
    Command::new(name)
        .about(about)
        .arg(which)
        .arg(text("by", "NAME", "Who decides").required(true))
        .arg(text("reason", "TEXT", "Why").required(true))
}

fn decisions() -> Command {
    Command::new("decisions")
        .about("Who decided what and why, newest first, one JSON object a line")
        .arg(number(
            "before",
            "Only decisions below this number: the next page",
        ))
        .arg(limit())
}

fn numbers() -> Arg {
    Arg::new("number")
        .value_name("NUMBER")
        .required(true)
        .num_args(1..)
        .value_parser(value_parser!(i64))
        .help("Their numbers, as `list` shows them")
}

fn text(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

fn number(name: &'static str, help: &'static str) -> Arg {
    text(name, "NUMBER", help).value_parser(value_parser!(i64))
}

fn limit() -> Arg {
    text("limit", "NUMBER", "At most so many")
        .default_value("50")
        .value_parser(value_parser!(u32).range(1..=1_000))
}

/// What the matches of [`command`] ask for; clap has checked them.
pub(crate) fn read(matches: &ArgMatches) -> Option<DeadLetters> {
    let (of, matches) = matches.subcommand()?;
    let (verb, asked) = matches.subcommand()?;
    match of {
        "outbox" => read_outbox(verb, asked).map(DeadLetters::Outbox),
        "inbox" => read_inbox(verb, asked).map(DeadLetters::Inbox),
        _ => None,
    }
}

fn read_outbox(verb: &str, asked: &ArgMatches) -> Option<AskOutbox> {
    let text = |name: &str| asked.get_one::<String>(name).cloned();
    let decision = || {
        let seqs = asked.get_many::<i64>("number")?.copied().collect();
        let signature = Signature::new(text("by")?, text("reason")?);
        Some((seqs, signature))
    };
    match verb {
        "list" => Some(AskOutbox::List(DeadLetterPage {
            kind: text("type"),
            key: text("key"),
            after: asked.get_one::<i64>("after").copied(),
            limit: read_limit(asked)?,
        })),
        "replay" => decision().map(|(seqs, signature)| AskOutbox::Replay(seqs, signature)),
        "discard" => decision().map(|(seqs, signature)| AskOutbox::Discard(seqs, signature)),
        "decisions" => Some(AskOutbox::Decisions {
            before: asked.get_one::<i64>("before").copied(),
            limit: read_limit(asked)?,
        }),
        _ => None,
    }
}

fn read_inbox(verb: &str, asked: &ArgMatches) -> Option<AskInbox> {
    let text = |name: &str| asked.get_one::<String>(name).cloned();
    let consumer = text("consumer")?;
    let ids = || Some(asked.get_many::<MessageId>("id")?.copied().collect());
    let signature = || Some(Signature::new(text("by")?, text("reason")?));
    match verb {
        "list" => Some(AskInbox::List {
            consumer,
            after: asked.get_one::<DeadPosition>("after").copied(),
            limit: read_limit(asked)?,
        }),
        "replay" => Some(AskInbox::Replay {
            consumer,
            ids: ids()?,
            signature: signature()?,
        }),
        "discard" => Some(AskInbox::Discard {
            consumer,
            ids: ids()?,
            signature: signature()?,
        }),
        "decisions" => Some(AskInbox::Decisions {
            consumer,
            before: asked.get_one::<i64>("before").copied(),
            limit: read_limit(asked)?,
        }),
        _ => None,
    }
}

fn read_limit(asked: &ArgMatches) -> Option<u32> {
    asked.get_one::<u32>("limit").copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Result<Option<DeadLetters>, clap::Error> {
        let command = command().no_binary_name(true);
        let matches = command.try_get_matches_from(line.split(' '))?;
        Ok(read(&matches))
    }

    #[test]
    fn the_command_line_says_what_is_asked() {
        assert_eq!(
            asked("outbox list --type order_created --after 7").unwrap(),
            Some(DeadLetters::Outbox(AskOutbox::List(DeadLetterPage {
                kind: Some("order_created".into()),
                key: None,
                after: Some(7),
                limit: 50,
            })))
        );
        let signature = Signature::new("maria", "mended");
        assert_eq!(
            asked("outbox replay 7 8 --by maria --reason mended").unwrap(),
            Some(DeadLetters::Outbox(AskOutbox::Replay(
                vec![7, 8],
                signature.clone()
            )))
        );
        assert_eq!(
            asked("outbox discard 7 --by maria --reason mended").unwrap(),
            Some(DeadLetters::Outbox(AskOutbox::Discard(vec![7], signature)))
        );
        assert_eq!(
            asked("outbox decisions --limit 3").unwrap(),
            Some(DeadLetters::Outbox(AskOutbox::Decisions {
                before: None,
                limit: 3
            }))
        );
    }

    #[test]
    fn the_inbox_is_asked_by_consumer_and_id() {
        let id = MessageId::generate();
        let consumer = || "payments.orders".to_owned();
        let line =
            format!("inbox replay {id} --consumer payments.orders --by maria --reason mended");

        assert_eq!(
            asked(&line).unwrap(),
            Some(DeadLetters::Inbox(AskInbox::Replay {
                consumer: consumer(),
                ids: vec![id],
                signature: Signature::new("maria", "mended"),
            }))
        );
        assert_eq!(
            asked("inbox list --consumer payments.orders").unwrap(),
            Some(DeadLetters::Inbox(AskInbox::List {
                consumer: consumer(),
                after: None,
                limit: 50,
            }))
        );
    }

    #[test]
    fn a_decision_needs_a_message_a_name_and_a_reason() {
        for wrong in [
            "outbox replay 7 --by maria",
            "outbox replay 7 --reason mended",
            "outbox discard --by maria --reason mended",
            "outbox replay seven --by maria --reason mended",
            "outbox list --limit 0",
            "inbox list",
            "inbox list --consumer c --after yesterday",
            "inbox replay 7 --consumer c --by maria --reason mended",
        ] {
            assert!(asked(wrong).is_err(), "{wrong}");
        }
    }
}
