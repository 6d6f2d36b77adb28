//! What a page tells its reader to type.

/// One command and what the page prints below it.
pub(crate) struct Step {
    pub(crate) command: String,
    pub(crate) answer: String,
}

/// The commands of all `console` blocks, in their order.
pub(crate) fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for block in blocks(page, "console") {
        let mut continued = false;
        for line in block.lines() {
            let begun = line.strip_prefix("$ ");
            match (begun, continued, steps.last_mut()) {
                (Some(command), _, _) => steps.push(Step {
                    command: command.to_owned(),
                    answer: String::new(),
                }),
                (None, true, Some(step)) => step.command = format!("{}\n{line}", step.command),
                (None, false, Some(step)) => step.answer = format!("{}{line}\n", step.answer),
                (None, _, None) => {}
            }
            continued = line.ends_with('\\') && (continued || begun.is_some());
        }
    }
    steps
}

/// The `sh` block that says what `call` is.
pub(crate) fn setup(page: &str) -> Option<String> {
    let setup = blocks(page, "sh").find(|block| block.contains("call()"));
    setup.map(str::to_owned)
}

fn blocks<'a>(page: &'a str, language: &str) -> impl Iterator<Item = &'a str> {
    let fence = format!("```{language}\n");
    let blocks: Vec<_> = page.split(&fence).skip(1).collect();
    blocks
        .into_iter()
        .filter_map(|rest| rest.split_once("\n```").map(|(block, _)| block))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_go_on_after_a_backslash_and_answers_follow() {
        let page = "```console\n$ a \\\n    b\nx\n\ny\n$ c\n```\n```sh\nd\n```\n";

        let steps = steps(page);

        let seen: Vec<_> = steps
            .iter()
            .map(|step| (step.command.as_str(), step.answer.as_str()))
            .collect();
        assert_eq!(seen, [("a \\\n    b", "x\n\ny\n"), ("c", "")]);
    }
}
