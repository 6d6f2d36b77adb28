//! README.md shows code that compiles and runs.

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
