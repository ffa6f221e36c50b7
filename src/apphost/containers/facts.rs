//! What a project says of itself, and what follows for its image. Pure.

/// The properties that are asked for, in the order of the fields of a line.
pub(super) const ASKED: [&str; 9] = [
    "IsPublishable",
    "EnableSdkContainerSupport",
    "OutputType",
    "TargetFramework",
    "TargetFrameworks",
    "RuntimeIdentifier",
    "RuntimeIdentifiers",
    "ContainerRuntimeIdentifier",
    "ContainerRuntimeIdentifiers",
];

/// Between the fields of a line. No name of a framework or platform holds it.
pub(super) const SEPARATOR: char = '|';

/// The values of [`ASKED`]; lists are joined by commas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Facts([String; ASKED.len()]);

/// How the image of a project is made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Way {
    /// The framework, if the project only has a list with one in it.
    pub framework: Option<String>,
    /// Whether the SDK builds the project once for each of several platforms.
    pub several_platforms: bool,
    /// Whether the SDK must be told that the program may become an image; before .NET 10, only web projects and workers
    /// may by default.
    pub enable: bool,
}

impl Facts {
    /// Reads `<number>|<value>|...`; `None` for another line.
    pub(super) fn parse(line: &str) -> Option<(usize, Self)> {
        let mut fields = line.trim_end().split(SEPARATOR);
        let number = fields.next()?.parse().ok()?;
        let mut facts = Self::default();
        for value in &mut facts.0 {
            fields.next()?.trim().clone_into(value);
        }
        Some((number, facts))
    }

    fn of(&self, name: &str) -> &str {
        let at = ASKED.iter().position(|asked| *asked == name);
        at.and_then(|at| self.0.get(at)).map_or("", String::as_str)
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.of(name).eq_ignore_ascii_case(value)
    }

    /// How the image is made, or which property says that there is none.
    pub(super) fn way(&self) -> Result<Way, String> {
        let none = |property: &str| format!("its property `{property}` is `{}`", self.of(property));
        let mut way = Way::default();
        if self.is("TargetFramework", "") {
            let all: Vec<&str> =
                self.of("TargetFrameworks").split(',').map(str::trim).filter(|it| !it.is_empty()).collect();
            match all[..] {
                [] => {}
                [one] => way.framework = Some(one.to_owned()),
                _ => {
                    return Err(format!("it has several target frameworks ({}), and an image has one", all.join(", ")));
                }
            }
        }
        if self.is("IsPublishable", "false") {
            return Err(none("IsPublishable"));
        }
        if self.is("EnableSdkContainerSupport", "false") {
            return Err(none("EnableSdkContainerSupport"));
        }
        // Of a list of frameworks, the SDK says nothing more until one is chosen.
        if way.framework.is_none() && !self.is("EnableSdkContainerSupport", "true") {
            if self.is("OutputType", "Library") {
                return Err(none("OutputType"));
            }
            way.enable = true;
        }
        let lacks = |names: &[&str]| names.iter().all(|name| self.is(name, ""));
        let for_container = !lacks(&["ContainerRuntimeIdentifiers"]) && lacks(&["ContainerRuntimeIdentifier"]);
        let for_all = !lacks(&["RuntimeIdentifiers"])
            && lacks(&["ContainerRuntimeIdentifiers", "ContainerRuntimeIdentifier", "RuntimeIdentifier"]);
        way.several_platforms = for_container || for_all;
        Ok(way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(said: &[(&str, &str)]) -> Facts {
        let value = |name: &&str| said.iter().find(|(own, _)| own == name).map_or("", |(_, value)| *value);
        let line = ASKED.iter().map(value).collect::<Vec<_>>().join("|");
        let (number, facts) = Facts::parse(&format!("7|{line}\r\n")).unwrap();
        assert_eq!(number, 7);
        facts
    }

    const WEB: [(&str, &str); 3] =
        [("IsPublishable", "true"), ("EnableSdkContainerSupport", "true"), ("TargetFramework", "net10.0")];

    #[test]
    fn a_project_says_how_its_image_is_made() {
        let plain = Way::default();
        let several = Way { several_platforms: true, ..Way::default() };
        let chosen = Way { framework: Some("net10.0".into()), ..Way::default() };
        let enabled = Way { enable: true, ..Way::default() };
        for (more, expected) in [
            (&[][..], &plain),
            (&[("RuntimeIdentifiers", "linux-x64,linux-arm64")], &several),
            (&[("ContainerRuntimeIdentifiers", "linux-x64,linux-arm64"), ("RuntimeIdentifier", "linux-x64")], &several),
            (&[("RuntimeIdentifiers", "linux-x64,linux-arm64"), ("RuntimeIdentifier", "linux-x64")], &plain),
            (&[("RuntimeIdentifiers", "a,b"), ("ContainerRuntimeIdentifier", "linux-x64")], &plain),
            (&[("TargetFramework", ""), ("TargetFrameworks", "net10.0"), ("EnableSdkContainerSupport", "")], &chosen),
            (&[("EnableSdkContainerSupport", ""), ("OutputType", "Exe")], &enabled),
        ] {
            let said: Vec<_> = more.iter().chain(&WEB).copied().collect();
            assert_eq!(facts(&said).way().as_ref(), Ok(expected), "{more:?}");
        }
    }

    #[test]
    fn a_project_without_an_image_names_the_property() {
        for (more, expected) in [
            (&[("IsPublishable", "False")][..], "`IsPublishable` is `False`"),
            (&[("EnableSdkContainerSupport", "false")], "`EnableSdkContainerSupport` is `false`"),
            (&[("EnableSdkContainerSupport", ""), ("OutputType", "Library")], "`OutputType` is `Library`"),
            (&[("TargetFramework", ""), ("TargetFrameworks", "net8.0,net10.0")], "(net8.0, net10.0)"),
        ] {
            let said: Vec<_> = more.iter().chain(&WEB).copied().collect();
            let why = facts(&said).way().unwrap_err();
            assert!(why.contains(expected), "{why}");
        }
    }

    #[test]
    fn other_lines_say_nothing() {
        for line in ["", "7", "x|true|true|Exe|net10.0|||||", "7|true"] {
            assert_eq!(Facts::parse(line), None, "{line}");
        }
    }
}
