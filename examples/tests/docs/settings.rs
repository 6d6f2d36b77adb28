//! Every setting's documentation names its default, and the right one.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use crate::{LIBRARIES, sources};

/// The structs of settings and what they are by default, as `Debug` shows it.
fn defaults() -> BTreeMap<(&'static str, &'static str), String> {
    fn shown(settings: &impl Debug) -> String {
        format!("{settings:#?}")
    }
    let amqp = gozon_transport_amqp::AmqpConfig::new("amqp://localhost");
    BTreeMap::from([
        (
            ("gozon-core", "InProcessConfig"),
            shown(&gozon_core::InProcessConfig::default()),
        ),
        (
            ("gozon-outbox", "OutboxConfig"),
            shown(&gozon_outbox::OutboxConfig::default()),
        ),
        (
            ("gozon-inbox", "InboxConfig"),
            shown(&gozon_inbox::InboxConfig::default()),
        ),
        (
            ("gozon-ledger", "LedgerConfig"),
            shown(&gozon_ledger::LedgerConfig::default()),
        ),
        (
            ("gozon-ledger", "PosterConfig"),
            shown(&gozon_ledger::PosterConfig::default()),
        ),
        (
            ("gozon-ledger", "AuditorConfig"),
            shown(&gozon_ledger::AuditorConfig::default()),
        ),
        (
            ("gozon-ledger", "Limits"),
            shown(&gozon_ledger::Limits::default()),
        ),
        (("gozon-transport-amqp", "AmqpConfig"), shown(&amqp)),
        (
            ("gozon-sqlx", "postgres::PoolSettings"),
            shown(&gozon_sqlx::postgres::PoolSettings::default()),
        ),
        (
            ("gozon-sqlx", "sqlite::PoolSettings"),
            shown(&gozon_sqlx::sqlite::PoolSettings::default()),
        ),
    ])
}

/// What has no default to name: it must be given, or is a struct of its own.
const WITHOUT: [(&str, &str); 3] = [
    ("AmqpConfig", "url"),
    ("AuditorConfig", "slice"),
    ("LedgerConfig", "limits"),
];

/// The public fields of every struct of settings, each with its documentation.
fn documented() -> BTreeMap<(&'static str, String), Vec<(String, String)>> {
    let mut found = BTreeMap::new();
    for library in LIBRARIES {
        for (path, source) in sources(library) {
            for declared in source.split("\npub struct ").skip(1) {
                let name = declared
                    .split(|c: char| !c.is_alphanumeric())
                    .next()
                    .unwrap();
                if !["Config", "Settings", "Limits"]
                    .iter()
                    .any(|end| name.ends_with(end))
                {
                    continue;
                }
                let (body, _) = declared.split_once("\n}").unwrap();
                let module = ["postgres", "sqlite"]
                    .into_iter()
                    .find(|m| path.contains(m));
                let name = module.map_or(name.to_owned(), |module| format!("{module}::{name}"));
                found.insert((library, name), fields(body));
            }
        }
    }
    found
}

fn fields(body: &str) -> Vec<(String, String)> {
    let mut documentation = String::new();
    let mut fields = vec![];
    for line in body.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            documentation.push_str(text);
        } else if let Some(field) = line.strip_prefix("pub ") {
            let (name, _) = field.split_once(':').unwrap();
            fields.push((name.to_owned(), std::mem::take(&mut documentation)));
        }
    }
    fields
}

/// How documentation may write a value that `Debug` shows as `value`.
fn written(value: &str) -> Vec<String> {
    let plain = |text: &str| vec![text.to_owned()];
    if let Some(text) = value
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
    {
        return if text.is_empty() {
            plain("empty")
        } else {
            plain(&format!("`{text}`"))
        };
    }
    if ["None", "[]", "false"].contains(&value) {
        return vec!["none".to_owned(), "`None`".to_owned(), value.to_owned()];
    }
    if let Ok(number) = value.parse::<u64>() {
        let mut forms = vec![number.to_string(), with_commas(number)];
        for (unit, size) in [("KiB", 1 << 10), ("MiB", 1 << 20)] {
            if number > 0 && number.is_multiple_of(size) {
                forms.push(format!("{} {unit}", number / size));
            }
        }
        return forms;
    }
    match duration(value) {
        Some(duration) => in_units(duration),
        None => plain(value),
    }
}

fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Reads what `Debug` of a `Duration` writes, as far as defaults need it.
fn duration(text: &str) -> Option<Duration> {
    if let Some(millis) = text.strip_suffix("ms") {
        return Some(Duration::from_millis(millis.parse().ok()?));
    }
    Some(Duration::from_secs(text.strip_suffix('s')?.parse().ok()?))
}

fn in_units(duration: Duration) -> Vec<String> {
    let millis = duration.as_millis();
    let units = [
        ("ms", 1),
        ("s", 1_000),
        ("min", 60_000),
        ("h", 3_600_000),
        ("days", 86_400_000),
    ];
    let whole = units
        .iter()
        .filter(|(_, size)| millis.is_multiple_of(*size));
    whole
        .map(|(unit, size)| format!("{} {unit}", millis / size))
        .collect()
}

#[test]
fn every_setting_names_its_default() {
    let defaults = defaults();
    let documented = documented();
    let known: Vec<(&str, String)> = defaults
        .keys()
        .map(|(library, name)| (*library, (*name).to_owned()))
        .collect();
    assert_eq!(
        known,
        documented.keys().cloned().collect::<Vec<_>>(),
        "add the struct above"
    );

    let mut wrong = vec![];
    for ((library, name), fields) in &documented {
        let shown = &defaults[&(*library, name.as_str())];
        for (field, documentation) in fields {
            if WITHOUT.contains(&(name.as_str(), field.as_str())) {
                continue;
            }
            let line = shown.lines().find_map(|line| {
                line.strip_prefix(&format!("    {field}: "))?
                    .strip_suffix(',')
            });
            let Some(value) = line else {
                wrong.push(format!("{library} {name}.{field}: Debug does not show it"));
                continue;
            };
            let said = ["Default ", "Default: ", "Defaults to "]
                .iter()
                .any(|word| {
                    let forms = written(value);
                    forms.iter().any(|form| {
                        documentation
                            .match_indices(&format!("{word}{form}"))
                            .any(|(at, text)| {
                                // Not the beginning of a longer number or word.
                                let rest = &documentation[at + text.len()..];
                                !rest.starts_with(|c: char| c.is_alphanumeric() || c == ',')
                                    || rest.starts_with(", ")
                            })
                    })
                });
            if !said {
                wrong.push(format!(
                    "{library} {name}.{field} is {value}: {documentation}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
