//! Which file needs which: paths are followed through imports and re-exports to the file that defines what they name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::names::{Named, Path, Source, child};

/// Most re-exports on the way to a definition.
const LONGEST: usize = 20;

/// The files of a crate by their modules; the root is the empty path.
pub(crate) struct Crate {
    sources: BTreeMap<Path, Source>,
}

/// For each file, the files that it needs, and by which names.
pub(crate) type Edges = BTreeMap<Path, BTreeMap<Path, BTreeSet<String>>>;

impl Crate {
    /// Reads the files. Those that exist for tests only are left out.
    pub(crate) fn new<'a>(files: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let read = |(path, text): (&str, String)| {
            let module = module_of(path);
            let source = Source::read(&module, &text);
            (module, source)
        };
        let mut sources: BTreeMap<Path, Source> = files.into_iter().map(read).collect();
        let tests: Vec<Path> = sources.values().flat_map(|source| source.only_for_tests.iter().cloned()).collect();
        sources.entry(Path::new()).or_default();
        sources.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
        Self { sources }
    }

    /// All files and what each says.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&Path, BTreeSet<Path>)> {
        self.sources.iter().map(|(module, source)| {
            let exported = source.exported.iter().map(|(name, path)| self.absolute(&name[..name.len() - 1], path));
            (
                module,
                source.named.iter().map(|named| self.absolute(&named.module, &named.path)).chain(exported).collect(),
            )
        })
    }

    /// Which file needs which. A `mod` or a `pub use` needs nothing: whoever goes through it does.
    pub(crate) fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        for (module, source) in &self.sources {
            for named in &source.named {
                for (file, name) in self.targets(named) {
                    if file != *module && !file.is_empty() {
                        edges.entry(module.clone()).or_default().entry(file).or_default().insert(name);
                    }
                }
            }
        }
        edges
    }

    /// The files that define what a path names.
    fn targets(&self, named: &Named) -> Vec<(Path, String)> {
        let path = self.absolute(&named.module, &named.path);
        let Some(path) = path.strip_prefix(&["crate".to_owned()][..]) else { return Vec::new() };
        if let [module @ .., last] = path
            && last == "*"
        {
            return self.all_of(module);
        }
        let name = path.last().cloned().unwrap_or_default();
        match self.definition(path) {
            // A module without a name in it; what is used of it stands in paths of its own.
            Some((file, rest)) if rest.is_empty() && named.is_use => self.namesake(&file).into_iter().collect(),
            Some((file, _)) => vec![(file, name)],
            None => Vec::new(),
        }
    }

    /// A function can have the name of the module that it is exported from.
    fn namesake(&self, module: &[String]) -> Option<(Path, String)> {
        let (name, parent) = module.split_last()?;
        let path = self.sources.get(parent)?.exported.get(module)?;
        let path = self.absolute(parent, path);
        let (file, rest) = self.definition(path.get(1..)?)?;
        (!rest.is_empty()).then(|| (file, name.clone()))
    }

    /// A glob needs everything of a module.
    fn all_of(&self, module: &[String]) -> Vec<(Path, String)> {
        let Some(source) = self.sources.get(module) else { return Vec::new() };
        let own = (!source.defined.is_empty()).then(|| (module.to_vec(), "*".to_owned()));
        let exported = source.exported.keys().filter_map(|name| self.definition(name));
        own.into_iter().chain(exported.map(|(file, _)| (file, "*".to_owned()))).collect()
    }

    /// The file that defines a path (without `crate`), and the names that are left.
    fn definition(&self, path: &[String]) -> Option<(Path, Path)> {
        let mut path = path.to_vec();
        for _ in 0..LONGEST {
            let known = (0..=path.len()).take_while(|length| self.sources.contains_key(&path[..*length]));
            let length = known.last()?;
            let (file, rest) = path.split_at(length);
            let Some(next) = rest.first() else { return Some((file.to_vec(), Vec::new())) };
            let source = &self.sources[file];
            let name = child(file, next);
            let found = source.exported.get(&name).or_else(|| source.imported.get(&name));
            let found = found.filter(|_| !source.defined.contains(&name)).map(|found| self.absolute(file, found));
            let found = found.or_else(|| self.through_globs(file, next));
            match found {
                Some(found) if found.first().is_some_and(|root| root == "crate") => {
                    path = found[1..].iter().chain(&rest[1..]).cloned().collect();
                }
                Some(_) => return None,
                None => return Some((file.to_vec(), rest.to_vec())),
            }
        }
        None
    }

    fn through_globs(&self, file: &[String], name: &str) -> Option<Path> {
        let globs = self.sources[file].exported_globs.iter().map(|glob| self.absolute(&glob.module, &glob.path));
        let mut modules = globs.filter_map(|glob| Some(glob.strip_prefix(&["crate".to_owned()][..])?.to_vec()));
        let holds = |module: &[String]| {
            let wanted = child(module, name);
            let source = self.sources.get(module);
            source.is_some_and(|it| it.defined.contains(&wanted) || it.exported.contains_key(&wanted))
        };
        let found = modules.find_map(|mut module| {
            module.pop();
            holds(&module).then(|| child(&module, name))
        })?;
        Some(["crate".to_owned()].into_iter().chain(found).collect())
    }

    /// A path from the root: `crate` and the module, or the name of another crate.
    fn absolute(&self, module: &[String], path: &[String]) -> Path {
        let mut module = module.to_vec();
        let mut rest = path;
        let mut is_of_module = false;
        while let Some((first, after)) = rest.split_first() {
            match first.as_str() {
                "crate" | "kubectl_aspire" => module.clear(),
                "self" => {}
                "super" => _ = module.pop(),
                _ => break,
            }
            (rest, is_of_module) = (after, true);
        }
        let from_root = |path: Path| ["crate".to_owned()].into_iter().chain(path).collect::<Path>();
        let Some(first) = rest.first().filter(|_| !is_of_module) else {
            return from_root(module.iter().chain(rest).cloned().collect());
        };
        // A function may have the name of the module that it comes from; before `::` stands the module.
        if self.sources.contains_key(&child(&module, first)) {
            return from_root(module.iter().chain(rest).cloned().collect());
        }
        let imported = (0..=module.len()).rev().find_map(|length| {
            let name = child(&module, first);
            let source = self.sources.get(&module[..length])?;
            source.imported.get(&name).or_else(|| source.exported.get(&name))
        });
        match imported {
            // An import that names itself (`use yaml;`) would lead nowhere.
            Some(path) if path.first() != Some(first) => {
                self.absolute(&module, path).into_iter().chain(rest[1..].iter().cloned()).collect()
            }
            Some(path) => path.iter().chain(&rest[1..]).cloned().collect(),
            None => rest.to_vec(),
        }
    }
}

/// `a/b.rs` and `a/b/mod.rs` are `a::b`.
fn module_of(path: &str) -> Path {
    let mut names: Path = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if names.last().is_some_and(|last| last == "mod" || names.len() == 1 && last == "lib") {
        names.pop();
    }
    names
}

/// Groups of files that need each other.
pub(crate) fn cycles(edges: &Edges) -> Vec<BTreeSet<Path>> {
    let reached: BTreeMap<&Path, BTreeSet<&Path>> = edges.keys().map(|from| (from, reach(edges, from))).collect();
    let mut cycles: Vec<BTreeSet<Path>> = Vec::new();
    for (from, all) in reached.iter().filter(|(from, all)| all.contains(*from)) {
        if cycles.iter().any(|cycle| cycle.contains(*from)) {
            continue;
        }
        let back = all.iter().filter(|to| reached.get(**to).is_some_and(|all| all.contains(from)));
        cycles.push(back.map(|to| (*to).clone()).collect());
    }
    cycles
}

fn reach<'a>(edges: &'a Edges, from: &'a Path) -> BTreeSet<&'a Path> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(next) = open.pop() {
        open.extend(edges.get(next).into_iter().flat_map(BTreeMap::keys).filter(|to| reached.insert(*to)));
    }
    reached
}

/// The arrows of a cycle with the names that make them.
pub(crate) fn described(cycle: &BTreeSet<Path>, edges: &Edges) -> String {
    let mut text = String::new();
    for from in cycle {
        for (to, names) in edges[from].iter().filter(|(to, _)| cycle.contains(*to)) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let _ = writeln!(text, "  {} -> {} by {}", from.join("::"), to.join("::"), names.join(", "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cycles of a made-up crate, as text.
    fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
        let edges = Crate::new(files.iter().map(|(path, text)| (*path, (*text).to_owned()))).edges();
        cycles(&edges).iter().map(|cycle| described(cycle, &edges)).collect()
    }

    #[test]
    fn a_circle_is_found_and_told_with_its_names() {
        let files = [("a.rs", "use crate::b::Y; pub struct X(Y);"), ("b.rs", "pub struct Y; fn f(_: crate::a::X) {}")];
        assert_eq!(circles_of(&files), ["  a -> b by Y\n  b -> a by X\n"]);
        let three = [
            ("a.rs", "use super::b::{self as other}; pub fn f() { other::g() }"),
            ("b/mod.rs", "mod c; pub fn g() { c::h() }"),
            ("b/c.rs", "pub fn h() { vec![super::super::a::f()]; }"),
        ];
        assert_eq!(circles_of(&three), ["  a -> b by g\n  b -> b::c by h\n  b::c -> a by f\n"]);
    }

    #[test]
    fn a_facade_is_transparent() {
        let facade = ("a/mod.rs", "//! Only this.\nmod x;\nmod y;\npub use x::X;\npub(crate) use y::*;\npub use y::y;");
        let (x, y) = (("a/x.rs", "use super::Y; pub struct X(Y);"), ("a/y.rs", "pub struct Y; pub fn y() {}"));
        assert_eq!(circles_of(&[facade, x, y]), Vec::<String>::new());
        let back = ("a/y.rs", "pub struct Y; pub fn y(_: super::X) {}");
        assert_eq!(circles_of(&[facade, x, back]), ["  a::x -> a::y by Y\n  a::y -> a::x by X\n"]);
        let through =
            [facade, ("a/x.rs", "pub struct X(crate::b::Z);"), y, ("b.rs", "use crate::a::X; pub struct Z(X);")];
        assert_eq!(circles_of(&through), ["  a::x -> b by Z\n  b -> a::x by X\n"]);
    }

    #[test]
    fn a_function_may_have_the_name_of_its_module() {
        let facade = ("a/mod.rs", "mod f; mod g; pub use f::f;");
        let f = ("a/f.rs", "pub fn f() { super::g::g() }");
        assert_eq!(circles_of(&[facade, f, ("a/g.rs", "pub fn g() {}")]), Vec::<String>::new());
        let back = ("a/g.rs", "use crate::a::f; pub fn g() { f() }");
        assert_eq!(circles_of(&[facade, f, back]), ["  a::f -> a::g by g\n  a::g -> a::f by f\n"]);
    }

    #[test]
    fn tests_comments_and_texts_need_nothing() {
        let files = [
            (
                "a.rs",
                "use crate::b::Y; pub struct X(Y); #[cfg(test)] mod a_tests; #[cfg(test)] #[path = \"more.rs\"] mod m;",
            ),
            ("a/a_tests.rs", "use crate::c::Z; pub fn f(_: crate::more::M) {}"),
            ("more.rs", "use crate::a::X; pub struct M(crate::a::a_tests::T);"),
            (
                "b.rs",
                "// crate::a::X\npub const Y: &str = \"crate::a::X\"; #[cfg(test)] mod tests { use crate::a::X; }",
            ),
            ("c.rs", "#[cfg(test)] use crate::a::X; pub struct Z(crate::a::X);"),
        ];
        assert_eq!(circles_of(&files), Vec::<String>::new());
    }

    #[test]
    fn names_of_other_crates_are_told_as_they_are_meant() {
        let text = "use std::time; fn f() { time::Instant::now(); tokio::spawn(g()); }";
        let crate_ = Crate::new([("a.rs", text.to_owned())]);
        let (_, names) = crate_.files().last().unwrap_or_else(|| panic!("no file"));
        let names: Vec<String> = names.iter().map(|name| name.join("::")).collect();
        assert_eq!(names, ["std::time", "std::time::Instant::now", "tokio::spawn"]);
    }
}
