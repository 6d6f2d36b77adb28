//! The line of one item.

use serde_json::Value;

use super::types::{Types, list, text, variant};

/// The line of an item that is not a module, under a path at which users find it.
pub(super) fn line(types: &Types<'_>, path: &str, item: &Value) -> Option<String> {
    let (kind, inner) = variant(&item["inner"])?;
    let line = match kind {
        "struct" | "union" | "enum" => {
            let (angle, clause) = types.generics(&inner["generics"]);
            let more = if inner["kind"]["plain"]["has_stripped_fields"] == true {
                " { private fields }"
            } else {
                ""
            };
            format!("{kind} {path}{angle}{clause}{more}")
        }
        "trait" => {
            let (angle, clause) = types.generics(&inner["generics"]);
            let bounds = types.bounds(&inner["bounds"]);
            let bounds = if bounds.is_empty() {
                bounds
            } else {
                format!(": {bounds}")
            };
            format!("trait {path}{angle}{bounds}{clause}")
        }
        "type_alias" => {
            let (angle, clause) = types.generics(&inner["generics"]);
            format!("type {path}{angle}{clause} = {}", types.of(&inner["type"]))
        }
        "assoc_type" => {
            let bounds = types.bounds(&inner["bounds"]);
            let bounds = if bounds.is_empty() {
                bounds
            } else {
                format!(": {bounds}")
            };
            let ty = &inner["type"];
            let default = if ty.is_null() {
                String::new()
            } else {
                format!(" = {}", types.of(ty))
            };
            format!("type {path}{bounds}{default}")
        }
        // Their values are part of the API: names of metrics, defaults, limits.
        "constant" => {
            let value = &inner["const"];
            let literal = value["value"].as_str().or(value["expr"].as_str());
            let ty = types.of(&inner["type"]);
            format!("const {path}: {ty} = {}", literal.unwrap_or("_"))
        }
        "assoc_const" => {
            let ty = types.of(&inner["type"]);
            let value = inner["value"].as_str();
            let value = value.map(|value| format!(" = {value}")).unwrap_or_default();
            format!("const {path}: {ty}{value}")
        }
        "static" => format!("static {path}: {}", types.of(&inner["type"])),
        "function" => function(types, path, inner),
        "struct_field" => format!("field {path}: {}", types.of(inner)),
        "variant" => format!("variant {path}{}", fields(inner)),
        "macro" | "proc_macro" => format!("macro {path}!"),
        _ => format!("{kind} {path}"),
    };
    let open = list(&item["attrs"]).any(|attribute| attribute == "non_exhaustive");
    Some(if open {
        format!("#[non_exhaustive] {line}")
    } else {
        line
    })
}

fn function(types: &Types<'_>, path: &str, inner: &Value) -> String {
    let (angle, clause) = types.generics(&inner["generics"]);
    let header = &inner["header"];
    let mut before = String::new();
    for (flag, word) in [
        ("is_const", "const "),
        ("is_async", "async "),
        ("is_unsafe", "unsafe "),
    ] {
        if header[flag] == true {
            before.push_str(word);
        }
    }
    format!(
        "{before}fn {path}{angle}{}{clause}",
        types.signature(&inner["sig"])
    )
}

/// How a variant is written; its fields have lines of their own.
fn fields(inner: &Value) -> &'static str {
    match variant(&inner["kind"]) {
        Some(("tuple", _)) => "(..)",
        Some(_) => " { .. }",
        None => "",
    }
}

/// The line of an implementation of a trait, unless everything of its kind has
/// it (blanket), the compiler made it up, or an inherent one, which has no line.
pub(super) fn implementation(types: &Types<'_>, inner: &Value) -> Option<String> {
    if inner["is_synthetic"] == true || !inner["blanket_impl"].is_null() {
        return None;
    }
    let of = inner["trait"].as_object()?;
    // Marks that `derive(PartialEq)` leaves for the compiler.
    if of
        .get("path")
        .is_some_and(|path| text(path).ends_with("StructuralPartialEq"))
    {
        return None;
    }
    let (angle, clause) = types.generics(&inner["generics"]);
    let negative = if inner["is_negative"] == true {
        "!"
    } else {
        ""
    };
    Some(format!(
        "impl{angle} {negative}{} for {}{clause}",
        types.path(&inner["trait"]),
        types.of(&inner["for"])
    ))
}
