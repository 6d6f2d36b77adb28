//! Money in integers. What people type and read is the currency's major unit;
//! what travels is the minor unit. In between there are digits, never a
//! fraction that the computer rounds.

use crate::words::Language;

/// The most that the shop takes in one top-up or order, in minor units.
pub(crate) const MOST: i64 = 1_000_000_000_000;

/// Thousands are kept apart by this in Russian, and nothing breaks a line there.
const NO_BREAK_SPACE: char = '\u{a0}';

/// A currency of ISO 4217, as the shop names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Currency {
    code: String,
}

/// Why something typed is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Nothing was typed.
    Empty,
    /// Something else than digits and a separator.
    NotAnAmount,
    /// More behind the separator than the currency has.
    TooFine,
    /// Below the least or above [`MOST`].
    OutOfRange,
}

impl Currency {
    /// The currency with this code.
    pub(crate) fn new(code: impl Into<String>) -> Self {
        Self { code: code.into() }
    }

    /// How many digits the minor unit has: 2 for EUR, 0 for JPY, 3 for KWD.
    pub(crate) fn digits(&self) -> usize {
        match self.code.as_str() {
            "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF"
            | "UGX" | "UYI" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
            "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
            "CLF" | "UYW" => 4,
            _ => 2,
        }
    }

    /// `EUR`.
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// Minor units as people read them: `1,234.50 EUR`, `1 234,50 EUR`.
    pub(crate) fn show(&self, minor: i64, language: Language) -> String {
        let (group, point) = match language {
            Language::English => (',', '.'),
            Language::Russian => (NO_BREAK_SPACE, ','),
        };
        let (major, fraction) = self.split(minor);
        let mut text = String::new();
        if minor < 0 {
            text.push('\u{2212}');
        }
        for (index, digit) in major.chars().enumerate() {
            if index > 0 && (major.len() - index).is_multiple_of(3) {
                text.push(group);
            }
            text.push(digit);
        }
        if !fraction.is_empty() {
            text.push(point);
            text.push_str(&fraction);
        }
        text.push(NO_BREAK_SPACE);
        text.push_str(&self.code);
        text
    }

    /// As [`Self::show`], without a minor part that is zero and without the
    /// currency: for offers beside a field that names it.
    pub(crate) fn show_short(&self, minor: i64, language: Language) -> String {
        let shown = self.show(minor, language);
        let number = shown.trim_end_matches(&self.code).trim_end();
        let (_, fraction) = self.split(minor);
        let whole = fraction.bytes().all(|digit| digit == b'0');
        let minor_part = if fraction.is_empty() {
            0
        } else {
            fraction.len() + 1
        };
        let cut = if whole { minor_part } else { 0 };
        number[..number.len() - cut].to_owned()
    }

    /// What somebody typed, in minor units, from 1 to [`MOST`].
    ///
    /// Either of `.` and `,` separates the minor unit, as keyboards have one or
    /// the other; spaces group. `1,234` euro is therefore refused as too fine
    /// and not taken for a thousand, or for one and a part.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(&self, typed: &str) -> Result<i64, Unreadable> {
        let compact: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
        if compact.is_empty() {
            return Err(Unreadable::Empty);
        }
        let (major, fraction) = compact.split_once(['.', ',']).unwrap_or((&compact, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(major) || !digits(fraction) || (major.is_empty() && fraction.is_empty()) {
            return Err(Unreadable::NotAnAmount);
        }
        if fraction.len() > self.digits() {
            return Err(Unreadable::TooFine);
        }
        let minor = format!("{major}{fraction:0<width$}", width = self.digits());
        // Digits alone: what does not fit is too much.
        let minor: i64 = minor.parse().map_err(|_| Unreadable::OutOfRange)?;
        if (1..=MOST).contains(&minor) {
            Ok(minor)
        } else {
            Err(Unreadable::OutOfRange)
        }
    }

    fn split(&self, minor: i64) -> (String, String) {
        let digits = self.digits();
        let mut major = format!("{:0>width$}", minor.unsigned_abs(), width = digits + 1);
        let fraction = major.split_off(major.len() - digits);
        (major, fraction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_shown_in_major_units_with_its_currency() {
        let euro = Currency::new("EUR");
        let shown = |minor| euro.show(minor, Language::English);
        assert_eq!(shown(0), "0.00\u{a0}EUR");
        assert_eq!(shown(5), "0.05\u{a0}EUR");
        assert_eq!(shown(-2490), "\u{2212}24.90\u{a0}EUR");
        assert_eq!(shown(123_456_789), "1,234,567.89\u{a0}EUR");
        assert_eq!(
            shown(9_007_199_254_740_991),
            "90,071,992,547,409.91\u{a0}EUR"
        );
        assert_eq!(
            Currency::new("RUB").show(97_510_000, Language::Russian),
            "975\u{a0}100,00\u{a0}RUB"
        );
        assert_eq!(
            Currency::new("JPY").show(1234, Language::English),
            "1,234\u{a0}JPY"
        );
        assert_eq!(
            Currency::new("KWD").show(1234, Language::English),
            "1.234\u{a0}KWD"
        );
    }

    #[test]
    fn offers_are_short() {
        let short = |code, minor| Currency::new(code).show_short(minor, Language::English);
        assert_eq!(short("EUR", 100_000), "1,000");
        assert_eq!(short("EUR", 150), "1.50");
        assert_eq!(short("JPY", 500), "500");
    }

    #[test]
    fn what_is_typed_becomes_minor_units() {
        let euro = Currency::new("EUR");
        for (typed, minor) in [
            ("24.90", 2490),
            ("24,9", 2490),
            (" 1 000 ", 100_000),
            (".5", 50),
            ("7.", 700),
            ("0.01", 1),
            ("10000000000", MOST),
        ] {
            assert_eq!(euro.read(typed), Ok(minor), "{typed}");
        }
        assert_eq!(Currency::new("JPY").read("500"), Ok(500));
        assert_eq!(Currency::new("KWD").read("1.5"), Ok(1500));
    }

    #[test]
    fn what_is_no_amount_says_why() {
        let euro = Currency::new("EUR");
        for (typed, why) in [
            ("  ", Unreadable::Empty),
            ("ten", Unreadable::NotAnAmount),
            ("-5", Unreadable::NotAnAmount),
            ("1.2.3", Unreadable::NotAnAmount),
            ("1e3", Unreadable::NotAnAmount),
            ("\u{661}", Unreadable::NotAnAmount),
            (".", Unreadable::NotAnAmount),
            ("1.005", Unreadable::TooFine),
            ("1,234", Unreadable::TooFine),
            ("0", Unreadable::OutOfRange),
            ("10000000000.01", Unreadable::OutOfRange),
            ("99999999999999999999", Unreadable::OutOfRange),
        ] {
            assert_eq!(euro.read(typed), Err(why), "{typed}");
        }
        assert_eq!(Currency::new("JPY").read("1.5"), Err(Unreadable::TooFine));
    }
}
