//! Reads a source file as tokens: what it defines, imports, exports again and names. Tests in it are left out.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::{ItemUse, UseTree};

/// A path of names: `crate::app::App` is `["crate", "app", "App"]`. A `*` at the end is a glob.
pub(crate) type Path = Vec<String>;

/// A path that a file names, and the module that it stands in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Named {
    pub module: Path,
    pub path: Path,
    /// Whether it is the path of a `use`, which may name a module without anything in it.
    pub is_use: bool,
}

/// What a file says. The module paths are those of the file and of the modules written out in it.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// Names that a module defines.
    pub defined: BTreeSet<Path>,
    /// Names that a module imports for itself, and what they stand for.
    pub imported: BTreeMap<Path, Path>,
    /// Names that a module exports again, and what they stand for.
    pub exported: BTreeMap<Path, Path>,
    /// Modules whose content a module exports again.
    pub exported_globs: Vec<Named>,
    /// Every path in it, but for those that it exports again.
    pub named: BTreeSet<Named>,
    /// Modules that exist for tests only.
    pub only_for_tests: BTreeSet<Path>,
}

impl Source {
    /// Reads the text of the file of a module.
    pub(crate) fn read(module: &[String], text: &str) -> Self {
        let mut source = Self::default();
        let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{}: {error}", module.join("::")));
        source.walk(module, true, tokens);
        source
    }

    fn walk(&mut self, module: &[String], is_module: bool, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        let mut is_public = false;
        while at < tokens.len() {
            let rest = &tokens[at..];
            let was_public = std::mem::take(&mut is_public);
            at += match &rest[0] {
                TokenTree::Punct(mark) if mark.as_char() == '#' && is_for_tests(rest.get(1)) => {
                    let length = length_of_item(rest);
                    self.leave_out(module, &rest[..length]);
                    length
                }
                TokenTree::Ident(word) if word == "pub" => {
                    is_public = true;
                    if is_group(rest.get(1), Delimiter::Parenthesis) { 2 } else { 1 }
                }
                TokenTree::Ident(word) if word == "use" && !is_punct(rest.get(1), '<') => {
                    let length = rest.iter().take_while(|token| !is_punct(Some(token), ';')).count() + 1;
                    self.import(module, was_public, rest[..length].iter().cloned().collect());
                    length
                }
                TokenTree::Ident(word) if word == "mod" && is_group(rest.get(2), Delimiter::Brace) => {
                    if let (Some(TokenTree::Ident(name)), Some(TokenTree::Group(group))) = (rest.get(1), rest.get(2)) {
                        self.walk(&child(module, &name.to_string()), true, group.stream());
                    }
                    3
                }
                TokenTree::Ident(word) if is_module && defines(&word.to_string()) => {
                    if let Some(TokenTree::Ident(name)) = rest.iter().skip(1).find(|token| !is_punct(Some(token), '!'))
                    {
                        self.defined.insert(child(module, &name.to_string()));
                    }
                    1
                }
                TokenTree::Ident(_) => {
                    let (path, length) = path(rest);
                    // Behind `<T as Trait>` stands no path of its own.
                    let goes_on = at > 1 && is_punct(tokens.get(at - 1), ':') && is_punct(tokens.get(at - 2), ':');
                    if path.len() > 1 && !goes_on {
                        self.named.insert(Named { module: module.to_vec(), path, is_use: false });
                    }
                    length
                }
                TokenTree::Group(group) => {
                    self.walk(module, false, group.stream());
                    1
                }
                _ => 1,
            };
        }
    }

    /// What a test is, and the file that it may be in.
    fn leave_out(&mut self, module: &[String], item: &[TokenTree]) {
        let names = item.windows(2).filter_map(|pair| match pair {
            [TokenTree::Ident(word), TokenTree::Ident(name)] if word == "mod" => Some(name.to_string()),
            _ => None,
        });
        self.only_for_tests.extend(names.map(|name| child(module, &name)));
        // `#[path = "x_tests.rs"]`: beside the file, which is the file of the module or the `mod.rs` of its folder.
        for name in item.iter().filter_map(named_file) {
            let parent = module.split_last().map_or(module, |(_, parent)| parent);
            self.only_for_tests.extend([child(module, &name), child(parent, &name)]);
        }
    }

    fn import(&mut self, module: &[String], is_public: bool, tokens: TokenStream) {
        let item: ItemUse = syn::parse2(tokens).unwrap_or_else(|error| panic!("{}: {error}", module.join("::")));
        let mut leaves = Vec::new();
        collect(&item.tree, &mut Vec::new(), &mut leaves);
        for (path, name) in leaves {
            let named = Named { module: module.to_vec(), path: path.clone(), is_use: true };
            match (is_public, path.last().is_some_and(|last| last == "*")) {
                (true, true) => self.exported_globs.push(named),
                (true, false) => _ = self.exported.insert(child(module, &name), path),
                (false, is_glob) => {
                    self.named.insert(named);
                    if !is_glob {
                        self.imported.insert(child(module, &name), path);
                    }
                }
            }
        }
    }
}

/// The path of something in a module.
pub(crate) fn child(module: &[String], name: &str) -> Path {
    module.iter().cloned().chain([name.to_owned()]).collect()
}

fn collect(tree: &UseTree, before: &mut Path, leaves: &mut Vec<(Path, String)>) {
    let leaf = |name: String| match name.as_str() {
        "self" => before.clone(),
        _ => child(before, &name),
    };
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            collect(&path.tree, before, leaves);
            before.pop();
        }
        UseTree::Name(name) => {
            let path = leaf(name.ident.to_string());
            let name = path.last().cloned().unwrap_or_default();
            leaves.push((path, name));
        }
        UseTree::Rename(rename) => leaves.push((leaf(rename.ident.to_string()), rename.rename.to_string())),
        UseTree::Glob(_) => leaves.push((leaf("*".to_owned()), "*".to_owned())),
        UseTree::Group(group) => group.items.iter().for_each(|item| collect(item, before, leaves)),
    }
}

fn defines(word: &str) -> bool {
    ["struct", "enum", "union", "trait", "fn", "const", "static", "type", "macro_rules"].contains(&word)
}

/// The path that tokens begin with, and how many tokens it is.
fn path(tokens: &[TokenTree]) -> (Path, usize) {
    let (mut path, mut length) = (Vec::new(), 0);
    while let Some(TokenTree::Ident(name)) = tokens.get(length) {
        path.push(name.to_string());
        length += 1;
        let goes_on = is_punct(tokens.get(length), ':') && is_punct(tokens.get(length + 1), ':');
        if !goes_on || !matches!(tokens.get(length + 2), Some(TokenTree::Ident(_))) {
            break;
        }
        length += 2;
    }
    (path, length)
}

/// Whether an attribute is `[cfg(test)]`, or asks for more besides.
fn is_for_tests(attribute: Option<&TokenTree>) -> bool {
    let Some(TokenTree::Group(group)) = attribute else { return false };
    let text: String = group.stream().to_string().split_whitespace().collect();
    text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

/// The file that a `path` attribute names, without its ending.
fn named_file(attribute: &TokenTree) -> Option<String> {
    let TokenTree::Group(group) = attribute else { return None };
    let text = group.stream().to_string();
    let file = text.strip_prefix("path = \"")?.strip_suffix(".rs\"")?;
    Some(file.to_owned())
}

/// How many tokens an item is, with the attributes before it.
fn length_of_item(tokens: &[TokenTree]) -> usize {
    let is_end = |token: &TokenTree| is_punct(Some(token), ';') || is_group(Some(token), Delimiter::Brace);
    tokens.iter().position(is_end).map_or(tokens.len(), |last| last + 1)
}

fn is_punct(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

fn is_group(token: Option<&TokenTree>, delimiter: Delimiter) -> bool {
    matches!(token, Some(TokenTree::Group(group)) if group.delimiter() == delimiter)
}
