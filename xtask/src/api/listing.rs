//! Every public item of a crate, one line each.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context, Result};
use serde_json::Value;

use super::document::Document;
use super::item;
use super::types::{Types, list, text, variant};

const HEAD: &str = "\
# The public API of this crate with all features, one item a line, without the
# mocks, which follow their traits, and without the conformance suites, which
# gain rules. `cargo xtask check` compares; `cargo xtask api --write` records.
";

pub(super) struct Listing {
    lines: BTreeSet<String>,
    /// The other crates whose types it shows, with an example each.
    pub(super) foreign: BTreeMap<String, String>,
}

impl Listing {
    pub(super) fn of(document: &Document) -> Result<Self> {
        let root = document.root()?;
        let name = text(&root["name"]);

        // First where everything is found, then how it looks: a signature names
        // other items by their public paths.
        let mut places = Places {
            document,
            found: vec![],
        };
        places.module(&name, root, &mut vec![])?;
        let mut public = HashMap::new();
        for (path, item) in &places.found {
            let known: &mut String = public.entry(item["id"].to_string()).or_insert(path.clone());
            // The shortest of several paths, and the same one in each run.
            if (path.len(), path) < (known.len(), &*known) {
                known.clone_from(path);
            }
        }

        let types = Types::new(document, public);
        let mut lines = BTreeSet::new();
        for (path, item) in &places.found {
            describe(document, &types, path, item, &mut lines)?;
        }
        Ok(Self {
            lines,
            foreign: types.into_foreign(),
        })
    }

    pub(super) fn text(&self) -> String {
        let lines: Vec<&str> = self.lines.iter().map(String::as_str).collect();
        format!("{HEAD}{}\n", lines.join("\n"))
    }
}

struct Places<'a> {
    document: &'a Document,
    /// Items that are no modules, with a path at which users find them.
    found: Vec<(String, &'a Value)>,
}

impl<'a> Places<'a> {
    fn module(&mut self, path: &str, module: &'a Value, within: &mut Vec<String>) -> Result<()> {
        // A module that exports one that contains it would never end.
        let id = module["id"].to_string();
        if within.contains(&id) {
            return Ok(());
        }
        within.push(id);
        let document = self.document;
        for id in list(&module["inner"]["module"]["items"]) {
            let item = document.item(id).context("an item that is not there")?;
            let (kind, inner) = variant(&item["inner"]).context("an item without a kind")?;
            if kind == "use" {
                let Some(target) = document.item(&inner["id"]) else {
                    // Of another crate: shown under its own name.
                    self.found
                        .push((format!("{path}::{}", text(&inner["name"])), item));
                    continue;
                };
                if inner["is_glob"] == true {
                    self.module(path, target, within)?;
                } else {
                    self.place(path, &text(&inner["name"]), target, within)?;
                }
            } else {
                self.place(path, &text(&item["name"]), item, within)?;
            }
        }
        within.pop();
        Ok(())
    }

    fn place(
        &mut self,
        path: &str,
        name: &str,
        item: &'a Value,
        within: &mut Vec<String>,
    ) -> Result<()> {
        if name.starts_with("Mock") || name.starts_with("__") || name == "conformance" {
            return Ok(());
        }
        let path = format!("{path}::{name}");
        if item["inner"]["module"].is_object() {
            self.module(&path, item, within)
        } else {
            self.found.push((path, item));
            Ok(())
        }
    }
}

/// The line of an item, and those of what belongs to it.
fn describe(
    document: &Document,
    types: &Types<'_>,
    path: &str,
    item: &Value,
    lines: &mut BTreeSet<String>,
) -> Result<()> {
    let (kind, inner) = variant(&item["inner"]).context("an item without a kind")?;
    if kind == "use" {
        lines.insert(format!("use {} as {path}", text(&inner["source"])));
        return Ok(());
    }
    lines.extend(item::line(types, path, item));

    let mut members: Vec<&Value> = vec![];
    match kind {
        "struct" => {
            members.extend(list(&inner["kind"]["plain"]["fields"]));
            members.extend(list(&inner["kind"]["tuple"]));
        }
        "enum" => members.extend(list(&inner["variants"])),
        "variant" => {
            members.extend(list(&inner["kind"]["struct"]["fields"]));
            members.extend(list(&inner["kind"]["tuple"]));
        }
        "trait" => members.extend(list(&inner["items"])),
        _ => {}
    }
    for id in members {
        // A private field of a tuple is null; other private ones are left out.
        if let Some(member) = document.item(id) {
            let path = format!("{path}::{}", text(&member["name"]));
            describe(document, types, &path, member, lines)?;
        }
    }
    for id in list(&inner["impls"]) {
        let Some(block) = document.item(id) else {
            continue;
        };
        let block = &block["inner"]["impl"];
        if block["trait"].is_null() {
            let (angle, _) = types.generics(&block["generics"]);
            for id in list(&block["items"]) {
                let member = document.item(id).context("a method that is not there")?;
                // Methods that exist for some parameters alone say for which.
                let own = if angle.is_empty() {
                    path.to_owned()
                } else {
                    types.of(&block["for"])
                };
                let path = format!("{own}::{}", text(&member["name"]));
                describe(document, types, &path, member, lines)?;
            }
        } else if let Some(line) = item::implementation(types, block) {
            // `Target`, `Item`, `Error`: types that a trait's user gets to see.
            let inside = list(&block["items"]).filter_map(|id| document.item(id));
            let given: Vec<_> = inside
                .filter(|member| member["inner"]["assoc_type"].is_object())
                .map(|member| {
                    let ty = types.of(&member["inner"]["assoc_type"]["type"]);
                    format!("{} = {ty}", text(&member["name"]))
                })
                .collect();
            let given = match given.as_slice() {
                [] => String::new(),
                _ => format!(" {{ {} }}", given.join(", ")),
            };
            lines.insert(format!("{line}{given}"));
        }
    }
    Ok(())
}
