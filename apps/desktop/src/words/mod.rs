//! The window's words, in English and in Russian; the same as the shop's page
//! uses.

mod english;
mod russian;

/// A language that the window speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    /// English.
    #[value(name = "en")]
    English,
    /// Russian.
    #[value(name = "ru")]
    Russian,
}

impl Language {
    /// Russian where the system is, else English.
    pub(crate) fn of_system() -> Self {
        Self::of_locale(sys_locale::get_locale().as_deref().unwrap_or_default())
    }

    fn of_locale(locale: &str) -> Self {
        let language = locale.split(['-', '_', '.']).next().unwrap_or_default();
        if language.eq_ignore_ascii_case("ru") {
            Self::Russian
        } else {
            Self::English
        }
    }

    /// The other one.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::English => Self::Russian,
            Self::Russian => Self::English,
        }
    }

    /// Its words.
    pub(crate) fn words(self) -> &'static Words {
        match self {
            Self::English => &english::WORDS,
            Self::Russian => &russian::WORDS,
        }
    }
}

/// `text` with each `{name}` replaced by its value.
pub(crate) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::new();
    let mut rest = text;
    // One pass, so that a value that looks like a name stays what it is.
    while let Some((before, name, after)) = next_name(rest) {
        filled.push_str(before);
        let value = values.iter().find(|(known, _)| *known == name);
        filled.push_str(value.map_or(name, |(_, value)| value));
        rest = after;
    }
    filled.push_str(rest);
    filled
}

fn next_name(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

macro_rules! words {
    ($($name:ident),+ $(,)?) => {
        /// Every text of the window.
        #[derive(Debug)]
        pub(crate) struct Words {
            $(pub(crate) $name: &'static str,)+
        }

        #[cfg(test)]
        impl Words {
            fn all(&self) -> Vec<(&'static str, &'static str)> {
                vec![$((stringify!($name), self.$name),)+]
            }
        }
    };
}

words! {
    other_language, theme_system, theme_light, theme_dark, leave,
    line_connecting, line_live, line_offline, line_lost, line_retry_in, line_retry,
    choose_title, choose_lead, choose_fresh, choose_or, choose_id, choose_hint, choose_enter,
    choose_invalid,
    balance, reading, no_account, open_account, opening, topup, topup_amount, topup_sending,
    topup_done,
    new_order, description, description_hint, price, order, ordering, needs_account,
    idea_tea, idea_book, idea_teapot, idea_samovar,
    orders, no_orders, no_orders_hint, orders_failed, orders_older,
    status_new, status_paid, status_cancelled, reason_funds, reason_account,
    unreachable, garbled, busy, refused, trace,
    amount_empty, amount_unreadable, amount_fine, amount_range, description_length,
    limit_exceeded, account_missing, too_many, unavailable,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_stands_in_both_languages_with_the_same_names_in_it() {
        fn names(mut text: &str) -> Vec<&str> {
            let mut names = vec![];
            while let Some((_, name, after)) = next_name(text) {
                names.push(name);
                text = after;
            }
            names.sort_unstable();
            names
        }
        let (english, russian) = (Language::English.words(), Language::Russian.words());
        for ((key, en), (_, ru)) in english.all().into_iter().zip(russian.all()) {
            assert!(!en.is_empty() && !ru.is_empty(), "{key}");
            assert_ne!(en, ru, "{key}");
            assert_eq!(names(en), names(ru), "{key}");
        }
    }

    #[test]
    fn the_system_chooses_the_language() {
        assert_eq!(Language::of_locale("ru_RU.UTF-8"), Language::Russian);
        assert_eq!(Language::of_locale("ru"), Language::Russian);
        assert_eq!(Language::of_locale("rue-UA"), Language::English);
        assert_eq!(Language::of_locale("de-DE"), Language::English);
        assert_eq!(Language::of_locale(""), Language::English);
    }

    #[test]
    fn values_are_filled_in_once() {
        let filled = fill("{a} and {b}.", &[("a", "{b}"), ("b", "2")]);
        assert_eq!(filled, "{b} and 2.");
    }
}
