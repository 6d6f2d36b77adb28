//! Modules that need no shop, in the browser that will run them.

use anyhow::{Result, ensure};
use gozon_tests::shop::{Mode, Shop};
use serde_json::{Value, json};

use crate::window::Window;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_money_and_addresses_are_right_in_both_languages() -> Result<()> {
    let shop = Shop::start(Mode::Embedded).await?;
    let window = Window::speaking(&shop, "ru-RU").await?;

    the_browsers_language_is_taken_and_the_choice_remembered(&window).await?;
    both_languages_say_the_same_things(&window).await?;
    amounts_are_read_and_written_digit_by_digit(&window).await?;
    addresses_name_customers_by_the_contract(&window).await?;
    window.close().await
}

async fn the_browsers_language_is_taken_and_the_choice_remembered(window: &Window) -> Result<()> {
    let language = "document.documentElement.lang";
    window.sees("h1", "Кто покупает?").await?;
    ensure!(window.value(language).await? == "ru");
    window.press(".choose .primary").await?;
    window.press(".account form .primary").await?;
    window.write(".account [name=amount]", "1 000,5").await?;
    window.press(".account form .primary").await?;
    window.sees(".balance", "1 000,50 ₽").await?;
    window.order("Самовар", "5000").await?;
    window.newest_is("Самовар", "CANCELLED").await?;
    window.sees(".order-status", "Не хватило денег").await?;

    window.press(".top-tools button[lang=en]").await?;
    window.sees(".order-status", "Not enough money").await?;
    window.sees(".balance", "₽1,000.50").await?;
    window.session().run("location.reload()", json!([])).await?;
    window.sees(".order-status", "Not enough money").await?;
    ensure!(window.value(language).await? == "en");
    Ok(())
}

async fn both_languages_say_the_same_things(window: &Window) -> Result<()> {
    let words = window
        .session()
        .settle(
            "Promise.all(['en', 'ru'].map((code) => import(`/page/js/words/${code}.js`))) \
             .then((all) => all.map((module) => module.default))",
        )
        .await?;
    let [english, russian] = [&words[0], &words[1]].map(|words| words.as_object().cloned());
    let (english, russian) = (english.unwrap_or_default(), russian.unwrap_or_default());
    ensure!(english.len() > 50, "{english:?}");
    ensure!(english.keys().eq(russian.keys()), "the keys differ");
    for (key, word) in &english {
        let theirs = &russian[key];
        ensure!(blanks(word) == blanks(theirs), "{key}: {word} {theirs}");
        if theirs.is_object() {
            for form in ["one", "few", "many", "other"] {
                ensure!(theirs[form].is_string(), "{key} has no form {form}");
            }
        }
    }
    Ok(())
}

/// The names between braces, in whichever form has the most.
fn blanks(word: &Value) -> Vec<String> {
    let forms: Vec<&str> = match word {
        Value::Object(forms) => forms.values().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    };
    let mut names: Vec<String> = forms
        .iter()
        .flat_map(|text| text.split('{').skip(1))
        .filter_map(|rest| rest.split('}').next())
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}

async fn amounts_are_read_and_written_digit_by_digit(window: &Window) -> Result<()> {
    for (text, currency, locale, expected) in [
        ("24.90", "EUR", "en", "2490"),
        ("24,9", "EUR", "en", "2490"),
        ("24,90", "RUB", "ru", "2490"),
        ("24.9", "RUB", "ru", "2490"),
        (" 1 234,56 ", "RUB", "ru", "123456"),
        ("1\u{202f}234\u{a0}567", "RUB", "ru", "123456700"),
        ("1,234", "EUR", "en", "123400"),
        ("1,234.5", "EUR", "en", "123450"),
        ("1’234.50", "CHF", "en", "123450"),
        ("1.234", "KWD", "ru", "1234"),
        (".5", "EUR", "en", "50"),
        ("5.", "EUR", "en", "500"),
        ("007", "JPY", "en", "7"),
        ("\u{2212}5", "EUR", "en", "-500"),
        // More than a double can hold.
        ("99999999999999999.99", "EUR", "en", "9999999999999999999"),
        ("", "EUR", "en", "empty"),
        ("   ", "EUR", "en", "empty"),
        ("5.5", "JPY", "en", "digits"),
        ("1.234", "EUR", "ru", "digits"),
        ("1.2.3", "EUR", "en", "unreadable"),
        ("1e5", "EUR", "en", "unreadable"),
        ("0x10", "EUR", "en", "unreadable"),
        ("five", "EUR", "en", "unreadable"),
        (".", "EUR", "en", "unreadable"),
    ] {
        let script = format!(
            "import('/page/js/money.js').then(({{ parse }}) => parse({}, '{currency}', '{locale}')) \
             .then(({{ minor, error }}) => error ?? String(minor))",
            json!(text)
        );
        let read = window.session().settle(&script).await?;
        ensure!(read == expected, "{text:?} in {currency}, {locale}: {read}");
    }
    for (minor, currency, locale, expected) in [
        ("0", "EUR", "en", "€0.00"),
        ("5", "EUR", "en", "€0.05"),
        ("-5", "EUR", "en", "−€0.05"),
        ("123456789", "RUB", "ru", "1 234 567,89 ₽"),
        ("1500", "JPY", "en", "¥1,500"),
        ("1234", "KWD", "en", "KWD 1.234"),
        // The most that an account can hold, and more than a double can.
        ("9007199254740991", "USD", "en", "$90,071,992,547,409.91"),
        ("9007199254740993", "USD", "en", "$90,071,992,547,409.93"),
    ] {
        let script = format!(
            "import('/page/js/money.js').then(({{ format }}) => format({minor}n, '{currency}', '{locale}').replace(/\\s/g, ' '))"
        );
        let written = window.session().settle(&script).await?;
        ensure!(written == expected, "{minor} {currency}: {written}");
    }
    Ok(())
}

async fn addresses_name_customers_by_the_contract(window: &Window) -> Result<()> {
    for (hash, view) in [
        ("", "home"),
        ("#/", "home"),
        ("#/choose", "choose"),
        ("#/u/1", "shop"),
        ("#/u/a.b_c-D", "shop"),
        ("#/u/1/statement", "statement"),
        ("#/u/1/orders/x", "order"),
        ("#/u/", "missing"),
        ("#/u/a%20b", "missing"),
        ("#/u/%D0%B0", "missing"),
        ("#/u/1/orders/", "missing"),
        ("#/u/1/2/3/4", "missing"),
        ("#/%", "missing"),
    ] {
        let script = format!(
            "import('/page/js/router.js').then(({{ route }}) => route({}).view)",
            json!(hash)
        );
        let found = window.session().settle(&script).await?;
        ensure!(found == view, "{hash}: {found}");
    }
    let long = "a".repeat(65);
    let script =
        format!("import('/page/js/router.js').then(({{ route }}) => route('#/u/{long}').view)");
    ensure!(window.session().settle(&script).await? == "missing");
    Ok(())
}
