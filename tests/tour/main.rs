//! The tour of the READMEs, typed into a shell as it is printed there.

mod page;
mod shell;

use anyhow::{Context, Result, ensure};
use gozon_tests::shop::{Mode, Service, Shop};
use regex::Regex;

const ENGLISH: &str = include_str!("../../README.md");

gozon_tests::for_both_modes! {
    the_tour_answers_as_it_is_printed = crate::the_tour_answers_as_it_is_printed;
}

async fn the_tour_answers_as_it_is_printed(mode: Mode) -> Result<()> {
    let shop = Shop::start(mode).await?;
    let steps = page::steps(ENGLISH);
    ensure!(steps.len() >= 8, "only {} commands were found", steps.len());
    let setup = page::setup(ENGLISH).context("nothing defines call()")?;
    let api = format!("http://{}", shop.address(Service::Gateway, 0));

    let answers = shell::type_in(&setup, &steps, &api).await?;

    let usual = Usual::new()?;
    for (step, answer) in steps.iter().zip(&answers) {
        let (printed, seen) = (usual.of(&step.answer), usual.of(answer));
        ensure!(
            printed == seen,
            "$ {}\nis printed as\n{printed}\nand answers\n{seen}",
            step.command
        );
    }
    Ok(())
}

/// What differs from run to run, by a name.
struct Usual(Vec<(Regex, &'static str)>);

impl Usual {
    fn new() -> Result<Self> {
        let known = [
            (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<uuid>"),
            (r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z", "<time>"),
            (r"[0-9a-f]{32}", "<trace>"),
            (r"(?m)^date: .*$", "date: <date>"),
            // Times end without their zeros.
            (r"(?m)^content-length: [0-9]+$", "content-length: <n>"),
            (
                r"after [0-9]+ milliseconds with [0-9]+ bytes",
                "after <n> milliseconds with <n> bytes",
            ),
        ];
        let known = known.map(|(pattern, name)| Ok((Regex::new(pattern)?, name)));
        Ok(Self(known.into_iter().collect::<Result<_>>()?))
    }

    fn of(&self, text: &str) -> String {
        let text = text.replace('\r', "").trim().to_owned();
        self.0.iter().fold(text, |text, (pattern, name)| {
            pattern.replace_all(&text, *name).into_owned()
        })
    }
}
