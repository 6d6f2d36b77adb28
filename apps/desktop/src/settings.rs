use crate::api::Server;
use crate::user::UserId;
use crate::words::Language;

/// A desktop window on the Gozon shop.
///
/// Shows an account, its orders and their live statuses, and tells when an
/// order is settled.
// The texts are what `--help` prints, where a bare URL is the readable form.
#[allow(rustdoc::bare_urls)]
#[derive(Debug, clap::Parser)]
#[command(name = "gozon-desktop", version)]
pub(crate) struct Settings {
    /// Where the shop is: its gateway's URL.
    #[arg(
        long,
        env = "GOZON_URL",
        default_value = "http://127.0.0.1:8000",
        value_name = "URL"
    )]
    pub(crate) server: Server,

    /// Who is shopping; asked for in the window if not given.
    #[arg(long, env = "GOZON_USER", value_name = "ID")]
    pub(crate) user: Option<UserId>,

    /// The window's language; the system's if not given.
    #[arg(long, env = "GOZON_LANGUAGE", value_name = "LANGUAGE")]
    pub(crate) language: Option<Language>,
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Settings::command().debug_assert();
    }

    #[test]
    fn a_wrong_server_is_refused_with_an_example() {
        let refused = Settings::try_parse_from(["gozon-desktop", "--server", "localhost"]);
        let text = refused.unwrap_err().to_string();
        assert!(text.contains("http://127.0.0.1:8000"), "{text}");
    }
}
