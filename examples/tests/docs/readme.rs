//! README.md shows code that compiles and runs, and README.ru.md the same.

use crate::text;

#[test]
fn the_code_in_the_readme_is_that_of_the_example() {
    let (readme, example) = (text("README.md"), text("examples/examples/readme.rs"));

    let (_, shown) = readme.split_once("```rust\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let (_, quoted) = example.split_once("is quoted in README.md.\n").unwrap();
    let (quoted, _) = quoted.split_once("// End of what is quoted.").unwrap();

    assert_eq!(shown, quoted);
}

#[test]
fn the_russian_readme_shows_the_same_commands_answers_and_code() {
    let (english, russian) = (text("README.md"), text("README.ru.md"));

    assert!(fenced(&english).len() >= 9);
    assert_eq!(fenced(&russian), fenced(&english));
}

#[test]
fn the_russian_readme_leads_to_the_same_places() {
    let (english, russian) = (text("README.md"), text("README.ru.md"));
    let (english, russian) = (places(&english), places(&russian));

    let missing: Vec<_> = english
        .iter()
        // The table of settings stands in one of them.
        .filter(|place| {
            !russian.contains(place) && !["README.ru.md", "compose.yaml"].contains(place)
        })
        .collect();
    assert!(missing.is_empty(), "README.ru.md lacks {missing:?}");
    for place in russian {
        let path = place.split('#').next().unwrap_or_default();
        let there = path.contains("://") || crate::root().join(path).exists();
        assert!(there, "README.ru.md leads to {place}, which is not there");
    }
}

/// What stands between fences, with its language.
fn fenced(page: &str) -> Vec<&str> {
    let parts = page.split("\n```").enumerate();
    parts
        .filter(|(index, _)| index % 2 == 1)
        .map(|(_, block)| block)
        .collect()
}

/// Where links and pictures point.
fn places(page: &str) -> Vec<&str> {
    let links = page.split("](").skip(1);
    links.filter_map(|rest| rest.split(')').next()).collect()
}
