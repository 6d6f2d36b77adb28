//! From arguments and environment to a checked settings struct, or one line
//! that names the variable and the mend.

use std::collections::HashMap;
use std::error::Error as _;
use std::ffi::OsString;
use std::fmt::Write as _;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};

use super::{Invocation, Probe, Service, SettingsError, Stop, secret_file};
use crate::dead_letters;

/// Reads this process's own arguments and environment.
///
/// # Errors
/// See [`parse_from`].
pub fn parse<S: clap::Args>(service: &Service) -> Result<Invocation<S>, Stop> {
    let env = std::env::vars_os().map(|(name, value)| {
        let text = |os: OsString| os.to_string_lossy().into_owned();
        (text(name), text(value))
    });
    parse_from(service, std::env::args_os().skip(1), env)
}

/// Reads arguments (without the program's name) and an environment.
///
/// # Errors
/// [`Stop::Help`] when that is what was asked for, else [`Stop::Wrong`] with
/// the first wrong setting.
pub fn parse_from<S: clap::Args>(
    service: &Service,
    args: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    env: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
) -> Result<Invocation<S>, Stop> {
    let env: HashMap<String, String> = env
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let command = S::augment_args(Command::new(service.name)).mut_args(|arg| {
        if arg.get_id() == "bind" {
            arg.default_value(service.bind)
        } else {
            arg
        }
    });
    let settings: Vec<Setting> = command.get_arguments().filter_map(Setting::of).collect();

    let asked = front(service, &settings)
        .try_get_matches_from(args)
        .map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Stop::Help(error.to_string()),
            _ => Stop::Wrong(SettingsError::new("command line", first_line(&error))),
        })?;

    let read = read_settings::<S>(command, &settings, &env).map_err(Stop::Wrong)?;
    match asked.subcommand() {
        None => Ok(Invocation::Serve(read)),
        Some((dead_letters::NAME, asked)) => dead_letters::read(asked)
            .map(|asked| Invocation::DeadLetters(read, asked))
            // clap lets nothing else through.
            .ok_or_else(|| Stop::Wrong(SettingsError::new("command line", "asks for nothing"))),
        Some((_, probe)) if probe.get_flag("live") => {
            Ok(Invocation::Healthcheck(read, Probe::Live))
        }
        Some(_) => Ok(Invocation::Healthcheck(read, Probe::Ready)),
    }
}

/// What the user sees: no settings as arguments, but a table of variables.
fn front(service: &Service, settings: &[Setting]) -> Command {
    let mut table = String::from("Settings (environment variables):");
    for setting in settings {
        // Writing into a String cannot fail.
        let _ = write!(table, "\n  {}", setting.variable);
        let _ = write!(table, "\n      {}", setting.help);
        if let Some(default) = &setting.default {
            let _ = write!(table, " [default: {default}]");
        }
        if let Some((variable, meaning)) = &setting.file {
            let _ = write!(table, "\n  {variable}\n      {meaning}");
        }
    }
    let command = Command::new(service.name)
        .no_binary_name(true)
        .version(service.version)
        .about(service.about)
        .after_help(table)
        .subcommand(
            Command::new("healthcheck")
                .about("Asks the running service for /readyz; exits 0 when it is ready, else 1")
                .arg(
                    Arg::new("live")
                        .long("live")
                        .action(ArgAction::SetTrue)
                        .help("Ask for /livez instead"),
                ),
        );
    let has_outbox = |setting: &Setting| setting.variable == "DATABASE_URL";
    match settings.iter().any(has_outbox) {
        true => command.subcommand(dead_letters::command()),
        false => command,
    }
}

/// clap reads the process's environment as soon as an argument names a
/// variable. To read any environment we unname them and pass the values as
/// arguments.
fn read_settings<S: clap::Args>(
    command: Command,
    settings: &[Setting],
    env: &HashMap<String, String>,
) -> Result<S, SettingsError> {
    let command = command
        .no_binary_name(true)
        .disable_help_flag(true)
        .mut_args(|arg| arg.env(Resettable::Reset));
    let mut argv = Vec::new();
    // Where a secret came from: what is wrong with it is wrong there.
    let mut from = HashMap::new();
    for setting in settings {
        let value = match &setting.file {
            None => env.get(&setting.variable).cloned(),
            Some(_) => secret_file::read(&setting.variable, env)?.map(|(variable, value)| {
                from.insert(setting.variable.as_str(), variable);
                value
            }),
        };
        argv.extend(value.map(|value| format!("--{}={value}", setting.long)));
    }
    command
        .try_get_matches_from(argv)
        .and_then(|matches| S::from_arg_matches(&matches))
        .map_err(|error| refusal(&error, settings, &from))
}

struct Setting {
    long: String,
    variable: String,
    value_name: String,
    help: String,
    default: Option<String>,
    /// A secret's other variable, and what it means.
    file: Option<(String, String)>,
}

impl Setting {
    fn of(arg: &Arg) -> Option<Self> {
        let text = |os: &std::ffi::OsStr| os.to_string_lossy().into_owned();
        Some(Self {
            long: arg.get_long()?.to_owned(),
            variable: text(arg.get_env()?),
            value_name: arg
                .get_value_names()
                .and_then(|names| names.first())
                .map_or_else(|| "VALUE".to_owned(), ToString::to_string),
            help: arg.get_help().map(ToString::to_string).unwrap_or_default(),
            default: arg
                .get_default_values()
                .first()
                .map(|value| text(value))
                .filter(|value| !value.is_empty()),
            file: secret_file::file_variable(arg),
        })
    }

    /// Whether an error of clap's means this one; it says `--bind <ADDRESS>`.
    fn is_called(&self, name: &str) -> bool {
        let flag = name.split(' ').next().unwrap_or_default();
        flag.strip_prefix("--") == Some(&self.long)
    }

    fn example(&self) -> String {
        match &self.default {
            Some(default) => format!("set it to {}, such as {default}", self.value_name),
            None => format!("set it to {}", self.value_name),
        }
    }
}

fn refusal(
    error: &clap::Error,
    settings: &[Setting],
    from: &HashMap<&str, String>,
) -> SettingsError {
    let named = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(name)) => Some(name.as_str()),
        Some(ContextValue::Strings(names)) => names.first().map(String::as_str),
        _ => None,
    };
    let setting = named.and_then(|name| settings.iter().find(|setting| setting.is_called(name)));
    let Some(setting) = setting else {
        return SettingsError::new("settings", first_line(error));
    };
    let value = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) => value.as_str(),
        _ => "",
    };
    let reason = match (error.kind(), error.source()) {
        (ErrorKind::MissingRequiredArgument, _) => format!("not set. {}", setting.help),
        (_, Some(source)) if setting.file.is_some() => source.to_string(),
        (_, Some(source)) => format!("`{value}`: {source}; {}", setting.example()),
        (_, None) => match error.get(ContextKind::ValidValue) {
            Some(ContextValue::Strings(valid)) => {
                format!("`{value}` is not known; use {}", valid.join(" or "))
            }
            _ => first_line(error),
        },
    };
    let variable = from.get(setting.variable.as_str());
    SettingsError::new(variable.unwrap_or(&setting.variable), reason)
}

fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{
        AmqpSettings, DatabaseSettings, DatabaseUrl, HttpSettings, LogFormat, ShopSettings,
        TelemetrySettings,
    };

    #[derive(Debug, clap::Args)]
    struct All {
        #[command(flatten)]
        http: HttpSettings,
        #[command(flatten)]
        database: DatabaseSettings,
        #[command(flatten)]
        amqp: AmqpSettings,
        #[command(flatten)]
        shop: ShopSettings,
        #[command(flatten)]
        telemetry: TelemetrySettings,
    }

    const SERVICE: Service = Service {
        name: "gozon-probe",
        label: "probe",
        about: "A probe.",
        version: "1.2.3",
        bind: "127.0.0.1:8001",
    };
    const NEEDED: [(&str, &str); 2] = [
        ("DATABASE_URL", "postgres://u:hunter2@db/d"),
        ("AMQP_URL", "amqp://u:hunter2@mq"),
    ];

    fn read(args: &[&str], extra: &[(&str, &str)]) -> Result<Invocation<All>, Stop> {
        let env = NEEDED.iter().chain(extra).copied();
        parse_from(&SERVICE, args.iter().copied(), env)
    }

    fn served(extra: &[(&str, &str)]) -> All {
        match read(&[], extra) {
            Ok(Invocation::Serve(settings)) => settings,
            other => panic!("{other:?}"),
        }
    }

    fn refused(extra: &[(&str, &str)]) -> String {
        match read(&[], extra) {
            Err(Stop::Wrong(error)) => error.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_unset_or_empty_has_its_default() {
        let settings = served(&[("GOZON_DB_POOL", ""), ("GOZON_CURRENCY", "")]);

        assert_eq!(settings.http.bind.to_string(), "127.0.0.1:8001");
        assert_eq!(settings.database.pool, 10);
        assert_eq!(settings.shop.currency.as_str(), "RUB");
        assert_eq!(settings.telemetry.log_format, LogFormat::Text);
        let default = HttpSettings {
            bind: settings.http.bind,
            ..HttpSettings::default()
        };
        assert_eq!(format!("{:?}", settings.http), format!("{default:?}"));
        let url = settings.database.url.clone();
        assert_eq!(
            format!("{:?}", settings.database),
            format!("{:?}", DatabaseSettings::new(url))
        );
        assert_eq!(
            format!("{:?}", settings.telemetry),
            format!("{:?}", TelemetrySettings::default())
        );
    }

    #[test]
    fn the_environment_sets_everything() {
        let settings = served(&[
            ("DATABASE_URL", "sqlite:shop.db"),
            ("GOZON_BIND", "0.0.0.0:9000"),
            ("GOZON_REQUEST_TIMEOUT", "250ms"),
            ("GOZON_LOG_FORMAT", "json"),
            ("GOZON_LOG", "warn,gozon_outbox=debug"),
        ]);

        assert_eq!(settings.database.url, DatabaseUrl::Sqlite("shop.db".into()));
        assert_eq!(settings.http.bind.port(), 9000);
        assert_eq!(settings.http.request_timeout.as_millis(), 250);
        assert_eq!(settings.telemetry.log_format, LogFormat::Json);
    }

    #[test]
    fn a_wrong_setting_is_one_line_that_names_the_variable_and_the_mend() {
        for (variable, value, mend) in [
            ("DATABASE_URL", "mysql://u:hunter2@h/d", "postgres://user"),
            ("AMQP_URL", "http://hunter2", "amqp://user"),
            ("GOZON_BIND", "localhost", "ADDRESS:PORT"),
            ("GOZON_DB_POOL", "ten", "such as 10"),
            ("GOZON_DB_POOL", "0", "1..=1000"),
            ("GOZON_DB_SCHEMA", "a b", "letters"),
            ("GOZON_BODY_LIMIT", "-1", "such as 65536"),
            ("GOZON_REQUEST_TIMEOUT", "30", "ms, s, m or h"),
            ("GOZON_MAX_CONNECTIONS", "0", "such as 10000"),
            ("GOZON_CURRENCY", "rubles", "ISO 4217"),
            ("GOZON_LOG", "info,a=loud", "such as info"),
            ("GOZON_LOG_FORMAT", "xml", "text or json"),
        ] {
            let line = refused(&[(variable, value)]);

            assert!(line.starts_with(&format!("{variable}: ")), "{line}");
            assert!(line.contains(mend), "{line}");
            assert!(!line.contains('\n'), "{line}");
            assert!(!line.contains("hunter2"), "{line}");
        }
    }

    #[test]
    fn a_missing_setting_is_named() {
        let env: [(&str, &str); 1] = [("AMQP_URL", "amqp://mq")];

        let stop = parse_from::<All>(&SERVICE, [""; 0], env).unwrap_err();

        let Stop::Wrong(error) = stop else {
            panic!("{stop:?}")
        };
        assert_eq!(error.variable(), "DATABASE_URL");
        assert!(error.to_string().contains("postgres://"), "{error}");
    }

    #[test]
    fn help_explains_every_variable_and_shows_no_secret() {
        let Err(Stop::Help(help)) = read(&["--help"], &[]) else {
            panic!("no help")
        };

        for variable in ["DATABASE_URL", "AMQP_URL", "GOZON_BIND", "GOZON_LOG_FORMAT"] {
            assert!(help.contains(variable), "{help}");
        }
        assert!(help.contains("[default: 127.0.0.1:8001]"), "{help}");
        assert!(!help.contains("hunter2"), "{help}");
    }

    #[test]
    fn settings_do_not_show_secrets_in_debug() {
        assert!(!format!("{:?}", served(&[])).contains("hunter2"));
    }

    #[test]
    fn a_healthcheck_is_a_subcommand() {
        assert!(matches!(
            read(&["healthcheck"], &[]),
            Ok(Invocation::Healthcheck(_, Probe::Ready))
        ));
        assert!(matches!(
            read(&["healthcheck", "--live"], &[]),
            Ok(Invocation::Healthcheck(_, Probe::Live))
        ));
    }

    #[test]
    fn whoever_has_a_database_has_dead_letters() {
        assert!(matches!(
            read(&["dead-letters", "outbox", "list"], &[]),
            Ok(Invocation::DeadLetters(
                _,
                crate::dead_letters::DeadLetters::Outbox(_)
            ))
        ));
        let bare =
            parse_from::<HttpSettings>(&SERVICE, ["dead-letters", "outbox", "list"], [("", ""); 0]);
        assert!(matches!(bare, Err(Stop::Wrong(_))));
    }

    #[test]
    fn settings_are_not_arguments() {
        let Err(Stop::Wrong(error)) = read(&["--bind=0.0.0.0:1"], &[]) else {
            panic!("accepted")
        };

        assert!(error.to_string().contains("--bind"), "{error}");
    }
}
