//! How the subcommand is written on the command line.

use clap::{Arg, ArgMatches, Command, value_parser};
use gozon_outbox::{DeadLetterPage, Signature};

/// The subcommand's name.
pub(crate) const NAME: &str = "dead-letters";

/// What an operator asks about dead letters of the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeadLetters {
    /// Which there are.
    List(DeadLetterPage),
    /// Publish these again, each in its place.
    Replay(Vec<i64>, Signature),
    /// Give these up.
    Discard(Vec<i64>, Signature),
    /// What was decided, newest first.
    Decisions {
        /// Only those with a lower number.
        before: Option<i64>,
        /// At most so many.
        limit: u32,
    },
}

pub(crate) fn command() -> Command {
    Command::new(NAME)
        .about("Lists, replays or discards messages that the broker refused")
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
        ))
        .subcommand(deciding(
            "discard",
            "Gives dead letters up; what waits behind them flows, and they are kept aside",
        ))
        .subcommand(
            Command::new("decisions")
                .about("Who decided what and why, newest first, one JSON object a line")
                .arg(number(
                    "before",
                    "Only decisions below this number: the next page",
                ))
                .arg(limit()),
        )
}

fn deciding(name: &'static str, about: &'static str) -> Command {
    Command::new(name)
        .about(about)
        .arg(
            Arg::new("number")
                .value_name("NUMBER")
                .required(true)
                .num_args(1..)
                .value_parser(value_parser!(i64))
                .help("Their numbers, as `list` shows them"),
        )
        .arg(text("by", "NAME", "Who decides").required(true))
        .arg(text("reason", "TEXT", "Why").required(true))
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
    let (name, asked) = matches.subcommand()?;
    let text = |name: &str| asked.get_one::<String>(name).cloned();
    let limit = || asked.get_one::<u32>("limit").copied();
    let decision = || {
        let seqs = asked.get_many::<i64>("number")?.copied().collect();
        let signature = Signature {
            by: text("by")?,
            reason: text("reason")?,
        };
        Some((seqs, signature))
    };
    match name {
        "list" => Some(DeadLetters::List(DeadLetterPage {
            kind: text("type"),
            key: text("key"),
            after: asked.get_one::<i64>("after").copied(),
            limit: limit()?,
        })),
        "replay" => decision().map(|(seqs, signature)| DeadLetters::Replay(seqs, signature)),
        "discard" => decision().map(|(seqs, signature)| DeadLetters::Discard(seqs, signature)),
        "decisions" => Some(DeadLetters::Decisions {
            before: asked.get_one::<i64>("before").copied(),
            limit: limit()?,
        }),
        _ => None,
    }
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
            asked("list --type order_created --after 7").unwrap(),
            Some(DeadLetters::List(DeadLetterPage {
                kind: Some("order_created".into()),
                key: None,
                after: Some(7),
                limit: 50,
            }))
        );
        let signature = Signature {
            by: "maria".into(),
            reason: "mended".into(),
        };
        assert_eq!(
            asked("replay 7 8 --by maria --reason mended").unwrap(),
            Some(DeadLetters::Replay(vec![7, 8], signature.clone()))
        );
        assert_eq!(
            asked("discard 7 --by maria --reason mended").unwrap(),
            Some(DeadLetters::Discard(vec![7], signature))
        );
        assert_eq!(
            asked("decisions --limit 3").unwrap(),
            Some(DeadLetters::Decisions {
                before: None,
                limit: 3
            })
        );
    }

    #[test]
    fn a_decision_needs_a_message_a_name_and_a_reason() {
        for wrong in [
            "replay 7 --by maria",
            "replay 7 --reason mended",
            "discard --by maria --reason mended",
            "replay seven --by maria --reason mended",
            "list --limit 0",
        ] {
            assert!(asked(wrong).is_err(), "{wrong}");
        }
    }
}
