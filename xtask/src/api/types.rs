//! Types, bounds and generics as Rust writes them, and the crates they name.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::document::Document;

/// Their types are always allowed.
const STANDARD: [&str; 5] = ["std", "core", "alloc", "proc_macro", "test"];

pub(super) struct Types<'a> {
    document: &'a Document,
    /// The public path of each item of this crate. It stays when a private
    /// module is renamed.
    public: HashMap<String, String>,
    /// Each crate that was named, and one type of it.
    foreign: RefCell<BTreeMap<String, String>>,
}

impl<'a> Types<'a> {
    pub(super) fn new(document: &'a Document, public: HashMap<String, String>) -> Self {
        Self {
            document,
            public,
            foreign: RefCell::default(),
        }
    }

    pub(super) fn into_foreign(self) -> BTreeMap<String, String> {
        self.foreign.into_inner()
    }

    pub(super) fn of(&self, ty: &Value) -> String {
        let Some((kind, inner)) = variant(ty) else {
            return ty.as_str().map_or_else(|| "_".to_owned(), str::to_owned);
        };
        match kind {
            "resolved_path" => self.path(inner),
            "generic" | "primitive" => text(inner),
            "dyn_trait" => {
                let mut parts: Vec<_> = list(&inner["traits"])
                    .map(|bound| self.path(&bound["trait"]))
                    .collect();
                parts.extend(inner["lifetime"].as_str().map(str::to_owned));
                format!("dyn {}", parts.join(" + "))
            }
            "impl_trait" => format!("impl {}", self.bounds(inner)),
            "tuple" => format!("({})", self.join(inner)),
            "slice" => format!("[{}]", self.of(inner)),
            "array" => format!("[{}; {}]", self.of(&inner["type"]), text(&inner["len"])),
            "borrowed_ref" => {
                let lifetime = inner["lifetime"].as_str();
                let lifetime = lifetime.map(|name| format!("{name} ")).unwrap_or_default();
                let mutable = if inner["is_mutable"] == true {
                    "mut "
                } else {
                    ""
                };
                format!("&{lifetime}{mutable}{}", self.of(&inner["type"]))
            }
            "raw_pointer" => {
                let kind = if inner["is_mutable"] == true {
                    "mut"
                } else {
                    "const"
                };
                format!("*{kind} {}", self.of(&inner["type"]))
            }
            "qualified_path" => {
                let own = self.of(&inner["self_type"]);
                let name = text(&inner["name"]);
                let arguments = self.arguments(&inner["args"]);
                match inner["trait"].as_object() {
                    Some(of) if of.get("path").is_some_and(|path| path != "") => {
                        let of = self.path(&inner["trait"]);
                        format!("<{own} as {of}>::{name}{arguments}")
                    }
                    _ => format!("{own}::{name}{arguments}"),
                }
            }
            "function_pointer" => format!("fn{}", self.signature(&inner["sig"])),
            other => format!("{other} {inner}"),
        }
    }

    /// A path to a type or trait with its arguments.
    pub(super) fn path(&self, path: &Value) -> String {
        format!(
            "{}{}",
            self.name(&path["id"], &path["path"]),
            self.arguments(&path["args"])
        )
    }

    fn name(&self, id: &Value, written: &Value) -> String {
        if let Some(public) = self.public.get(&id.to_string()) {
            return public.clone();
        }
        let Some((from, path)) = self.document.origin(id) else {
            return text(written);
        };
        let last = path.rsplit("::").next().unwrap_or(&path);
        match from {
            // Two segments tell `fmt::Error` from `io::Error`; in which of its
            // own crates the standard library defines them is its own affair.
            Some(from) if STANDARD.contains(&from) => {
                let segments: Vec<_> = path.rsplit("::").take(2).collect();
                segments.into_iter().rev().collect::<Vec<_>>().join("::")
            }
            // Of another crate only the name: its modules are its own affair.
            Some(from) => {
                let mut foreign = self.foreign.borrow_mut();
                foreign.entry(from.to_owned()).or_insert(path.clone());
                format!("{from}::{last}")
            }
            None => path,
        }
    }

    fn arguments(&self, arguments: &Value) -> String {
        match variant(arguments) {
            Some(("angle_bracketed", inner)) => {
                let given = list(&inner["args"]).map(|argument| match variant(argument) {
                    Some(("type", ty)) => self.of(ty),
                    Some(("const", value)) => text(&value["expr"]),
                    Some((_, other)) => text(other),
                    None => text(argument),
                });
                let bound = list(&inner["constraints"]).map(|constraint| {
                    let name = text(&constraint["name"]);
                    match variant(&constraint["binding"]) {
                        Some(("equality", term)) => match variant(term) {
                            Some(("type", ty)) => format!("{name} = {}", self.of(ty)),
                            _ => format!("{name} = {term}"),
                        },
                        Some((_, bounds)) => format!("{name}: {}", self.bounds(bounds)),
                        None => name,
                    }
                });
                let all: Vec<_> = given.chain(bound).collect();
                if all.is_empty() {
                    String::new()
                } else {
                    format!("<{}>", all.join(", "))
                }
            }
            Some(("parenthesized", inner)) => {
                let inputs = self.join(&inner["inputs"]);
                format!("({inputs}){}", self.output(&inner["output"]))
            }
            _ => String::new(),
        }
    }

    pub(super) fn bounds(&self, bounds: &Value) -> String {
        let all: Vec<_> = list(bounds)
            .map(|bound| match variant(bound) {
                Some(("trait_bound", inner)) => {
                    let optional = if inner["modifier"] == "maybe" {
                        "?"
                    } else {
                        ""
                    };
                    let lifetimes: Vec<_> = list(&inner["generic_params"])
                        .map(|parameter| text(&parameter["name"]))
                        .collect();
                    let any = if lifetimes.is_empty() {
                        String::new()
                    } else {
                        format!("for<{}> ", lifetimes.join(", "))
                    };
                    format!("{any}{optional}{}", self.path(&inner["trait"]))
                }
                Some((_, inner)) => text(inner),
                None => text(bound),
            })
            .collect();
        all.join(" + ")
    }

    /// The inputs and the output of a function.
    pub(super) fn signature(&self, signature: &Value) -> String {
        let inputs: Vec<_> = list(&signature["inputs"])
            .map(|input| match (text(&input[0]), self.of(&input[1])) {
                (name, ty) if name == "self" && ty == "Self" => name,
                (name, ty) if name == "self" && ty == "&Self" => "&self".to_owned(),
                (name, ty) if name == "self" && ty == "&mut Self" => "&mut self".to_owned(),
                (name, ty) => format!("{name}: {ty}"),
            })
            .collect();
        format!(
            "({}){}",
            inputs.join(", "),
            self.output(&signature["output"])
        )
    }

    fn output(&self, output: &Value) -> String {
        if output.is_null() {
            String::new()
        } else {
            format!(" -> {}", self.of(output))
        }
    }

    /// The parameters in angle brackets, and the `where` clause.
    pub(super) fn generics(&self, generics: &Value) -> (String, String) {
        let parameters: Vec<_> = list(&generics["params"])
            .filter(|parameter| parameter["kind"]["type"]["is_synthetic"] != true)
            .map(|parameter| self.parameter(parameter))
            .collect();
        let predicates: Vec<_> = list(&generics["where_predicates"])
            .map(|predicate| match variant(predicate) {
                Some(("bound_predicate", inner)) => {
                    format!(
                        "{}: {}",
                        self.of(&inner["type"]),
                        self.bounds(&inner["bounds"])
                    )
                }
                Some(("lifetime_predicate", inner)) => {
                    let longer: Vec<_> = list(&inner["outlives"]).map(text).collect();
                    format!("{}: {}", text(&inner["lifetime"]), longer.join(" + "))
                }
                _ => predicate.to_string(),
            })
            .collect();
        let angle = if parameters.is_empty() {
            String::new()
        } else {
            format!("<{}>", parameters.join(", "))
        };
        let clause = if predicates.is_empty() {
            String::new()
        } else {
            format!(" where {}", predicates.join(", "))
        };
        (angle, clause)
    }

    fn parameter(&self, parameter: &Value) -> String {
        let name = text(&parameter["name"]);
        let kind = &parameter["kind"];
        match variant(kind) {
            Some(("type", inner)) => {
                let bounds = self.bounds(&inner["bounds"]);
                let default = &inner["default"];
                let bounds = if bounds.is_empty() {
                    bounds
                } else {
                    format!(": {bounds}")
                };
                let default = if default.is_null() {
                    String::new()
                } else {
                    format!(" = {}", self.of(default))
                };
                format!("{name}{bounds}{default}")
            }
            Some(("const", inner)) => format!("const {name}: {}", self.of(&inner["type"])),
            _ => name,
        }
    }

    fn join(&self, types: &Value) -> String {
        let all: Vec<_> = list(types).map(|ty| self.of(ty)).collect();
        all.join(", ")
    }
}

/// Enums are written as an object with one field.
pub(super) fn variant(value: &Value) -> Option<(&str, &Value)> {
    let (name, inner) = value.as_object()?.iter().next()?;
    Some((name, inner))
}

pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A string as it is, anything else as JSON.
pub(super) fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
