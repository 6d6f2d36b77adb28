//! The table of settings in README.md is what the programs read.
// In a test a surprise is a panic.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::fs;

use clap::{Arg, Args, Command};
use gozon_service::settings::file_variable;

/// A row of the table.
struct Setting {
    variable: String,
    default: String,
    meaning: String,
    programs: Vec<&'static str>,
}

#[test]
fn the_table_of_the_readme_is_what_help_says() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let (_, section) = readme.split_once("\n## Settings\n").unwrap();
    let rows = section.lines().skip_while(|line| !line.starts_with('|'));
    let shown: Vec<&str> = rows.take_while(|line| line.starts_with('|')).collect();

    let expected = table();

    let differing = expected
        .iter()
        .zip(&shown)
        .find(|(one, other)| one != other);
    assert!(
        expected.len() == shown.len() && differing.is_none(),
        "README.md differs: {differing:?}; its table should be\n{}",
        expected.join("\n")
    );
}

fn table() -> Vec<String> {
    let mut rows = vec![
        "| Variable | Default | Read by | Meaning |".to_owned(),
        "|---|---|---|---|".to_owned(),
    ];
    rows.extend(settings().iter().map(|setting| {
        let programs = match setting.programs.len() {
            4 => "all".to_owned(),
            _ => setting.programs.join(", "),
        };
        let (variable, default) = (&setting.variable, &setting.default);
        format!(
            "| `{variable}` | {default} | {programs} | {}. |",
            setting.meaning
        )
    }));
    rows
}

fn settings() -> Vec<Setting> {
    let programs = [
        ("gozon", command::<gozon_shop::Config>()),
        ("gateway", command::<gozon_gateway::Config>()),
        ("orders", command::<gozon_orders::Config>()),
        ("payments", command::<gozon_payments::Config>()),
    ];
    let mut settings: Vec<Setting> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for (program, command) in &programs {
        for arg in command.get_arguments() {
            let Some(setting) = Setting::of(arg) else {
                continue;
            };
            for setting in [Some(setting), Setting::of_file(arg)].into_iter().flatten() {
                let index = *known.entry(setting.variable.clone()).or_insert_with(|| {
                    settings.push(setting);
                    settings.len() - 1
                });
                settings[index].programs.push(program);
            }
        }
    }
    settings
}

impl Setting {
    fn of(arg: &Arg) -> Option<Self> {
        let variable = arg.get_env()?.to_str().unwrap().to_owned();
        let default = match (variable.as_str(), arg.get_default_values()) {
            ("GOZON_BIND", _) => "`127.0.0.1:8000`; orders 8001, payments 8002".to_owned(),
            (_, [value]) if !value.is_empty() => format!("`{}`", value.to_str().unwrap()),
            _ if arg.is_required_set() && file_variable(arg).is_some() => {
                "must be set, or its file".to_owned()
            }
            _ if arg.is_required_set() => "must be set".to_owned(),
            _ => "–".to_owned(),
        };
        Some(Self {
            variable,
            default,
            meaning: arg.get_help().unwrap().to_string(),
            programs: Vec::new(),
        })
    }
}

impl Setting {
    /// The variable that names a file, beside that of a secret.
    fn of_file(arg: &Arg) -> Option<Self> {
        let (variable, meaning) = file_variable(arg)?;
        Some(Self {
            variable,
            default: "–".to_owned(),
            meaning,
            programs: Vec::new(),
        })
    }
}

fn command<S: Args>() -> Command {
    S::augment_args(Command::new("settings"))
}
