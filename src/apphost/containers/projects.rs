//! The generated MSBuild projects: one that asks, one that builds. Pure.
//!
//! Items are numbers, and a project is their metadata: MSBuild copies metadata of an item onto what a target returns for it,
//! so a result knows its number, although two resources may have the same project.

use super::facts::{ASKED, SEPARATOR, Way};
use std::fmt::Write as _;

/// Files beside the generated projects.
pub(super) const SAYS: &str = "says.targets";
pub(super) const SAID: &str = "said.txt";
pub(super) const BUILT: &str = "built.txt";
pub(super) const IMAGES: &str = "images.txt";

/// What `dotnet publish` sets: a release build for publishing.
const COMMON: &str = "Configuration=Release;_IsPublishing=true";

/// Without `Publish`, there is no folder that an image is made of.
const PUBLISH: &str = "Publish;PublishContainer";

/// A project, and where its image goes.
pub(super) struct Entry<'a> {
    /// Its place in the request.
    pub number: usize,
    /// The absolute path.
    pub path: &'a str,
    pub registry: &'a str,
    pub repository: &'a str,
    pub tag: &'a str,
    pub way: Way,
}

/// What every asked project imports: a target that says the properties.
pub(super) fn says() -> String {
    let mut fields = String::new();
    for name in ASKED {
        // A semicolon would end a line of the file.
        let _ = writeln!(fields, "        <{name}>$({name}.Replace(';', ','))</{name}>");
    }
    format!(
        "<Project>\n  <Target Name=\"KubectlAspireSays\" Returns=\"@(KubectlAspireSaid)\">\n    <ItemGroup>\n      \
         <KubectlAspireSaid Include=\"said\">\n{fields}      </KubectlAspireSaid>\n    </ItemGroup>\n  </Target>\n\
         </Project>\n"
    )
}

/// The project that asks the projects at these paths. A project that cannot be evaluated says nothing.
pub(super) fn asking<'a>(paths: impl Iterator<Item = (usize, &'a str)>) -> String {
    let items: String = paths.map(|(number, path)| item(number, path, &[])).collect();
    let fields = ASKED.map(|name| format!("%({name})")).join(&SEPARATOR.to_string());
    let says = format!("$(MSBuildThisFileDirectory){SAYS}");
    let properties = format!(
        "{COMMON};CustomAfterMicrosoftCommonTargets={says};CustomAfterMicrosoftCommonCrossTargetingTargets={says}"
    );
    let ask = each("Image", "KubectlAspireSays", &properties, true, "Said");
    let write = write(SAID, &format!("@(Said->'%(Number){SEPARATOR}{fields}')"));
    format!(
        "<Project DefaultTargets=\"Ask\">\n  <ItemGroup>\n{items}  </ItemGroup>\n  <Target Name=\"Ask\">\n{ask}{write}  \
         </Target>\n</Project>\n"
    )
}

/// The project that builds the entries and pushes their images.
///
/// Everything is built with the same properties, so that a shared project is built once. A project for several platforms is
/// built by its own publishing, once for each, after the others.
pub(super) fn building(entries: &[Entry]) -> String {
    let items: String = entries.iter().map(entry).collect();
    let build = each("Once", "Build", COMMON, true, "Built");
    let once = each("Ready", PUBLISH, &format!("{COMMON};NoBuild=true"), true, "Made");
    let for_each = each("Several", PUBLISH, COMMON, false, "Made");
    let results = write(BUILT, "@(Ready);@(Several)");
    let images = write(IMAGES, &format!("@(Made->'%(Number){SEPARATOR}%(ManifestDigest)')"));
    format!(
        "<Project DefaultTargets=\"Images\">
  <ItemGroup>
{items}  </ItemGroup>
  <Target Name=\"Restore\">
    <MSBuild Projects=\"@(Image->'%(Project)')\" Targets=\"Restore\" Properties=\"{COMMON}\" ContinueOnError=\"WarnAndContinue\" />
  </Target>
  <Target Name=\"Images\">
    <ItemGroup>
      <Several Include=\"@(Image)\" Condition=\"'%(Image.Platforms)' == 'several'\" />
      <Once Include=\"@(Image)\" Condition=\"'%(Image.Platforms)' != 'several'\" />
    </ItemGroup>
{build}    <ItemGroup>
      <Failed Include=\"@(Once)\" Exclude=\"@(Built->'%(Number)')\" />
      <Ready Include=\"@(Once)\" Exclude=\"@(Failed)\" />
      <Ready>
        <AdditionalProperties>%(Ready.AdditionalProperties);%(Ready.Container)</AdditionalProperties>
      </Ready>
      <Several>
        <AdditionalProperties>%(Several.AdditionalProperties);%(Several.Container)</AdditionalProperties>
      </Several>
    </ItemGroup>
{once}{for_each}{results}{images}  </Target>
</Project>
"
    )
}

/// Runs targets of the projects of items, and collects what they return.
///
/// The task returns nothing at all if one of its projects fails. So it runs twice: for all projects together, and then for
/// one after the other, which takes the results of the first from the cache.
fn each(items: &str, targets: &str, properties: &str, parallel: bool, output: &str) -> String {
    let task = format!(
        "    <MSBuild Projects=\"@({items}->'%(Project)')\" Targets=\"{targets}\" Properties=\"{properties}\" \
         BuildInParallel=\"{parallel}\""
    );
    format!(
        "{task} ContinueOnError=\"ErrorAndContinue\" Condition=\"'@({items})' != ''\" />\n{task} \
         ContinueOnError=\"WarnAndContinue\" Condition=\"'%({items}.Identity)' != ''\">\n      \
         <Output TaskParameter=\"TargetOutputs\" ItemName=\"{output}\" />\n    </MSBuild>\n"
    )
}

/// Writes items to a file beside the project, one a line.
fn write(file: &str, lines: &str) -> String {
    format!(
        "    <WriteLinesToFile File=\"$(MSBuildThisFileDirectory){file}\" Lines=\"{lines}\" Overwrite=\"true\" />\n"
    )
}

fn entry(entry: &Entry) -> String {
    let Entry { number, path, registry, repository, tag, way } = entry;
    let mut container = format!(
        "ContainerRegistry={registry};ContainerRepository={repository};ContainerImageTag={tag};ContainerImageTags="
    );
    if way.enable {
        container.push_str(";EnableSdkContainerSupport=true");
    }
    let framework = way.framework.as_ref().map_or(String::new(), |framework| format!("TargetFramework={framework}"));
    let platforms = if way.several_platforms { "several" } else { "one" };
    let own = [("AdditionalProperties", framework.as_str()), ("Container", &container), ("Platforms", platforms)];
    item(*number, path, &own)
}

fn item(number: usize, path: &str, more: &[(&str, &str)]) -> String {
    let mut out = format!("    <Image Include=\"{number}\">\n      <Number>{number}</Number>\n");
    let _ = writeln!(out, "      <Project>{}</Project>", escaped(path));
    for (name, value) in more.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(out, "      <{name}>{}</{name}>", xml(value));
    }
    out + "    </Image>\n"
}

/// A path that is neither a list, an expression nor a pattern.
fn escaped(path: &str) -> String {
    let one = |c: char| {
        if "%$@'();?*".contains(c) { format!("%{:02X}", u32::from(c)) } else { c.to_string() }
    };
    xml(&path.chars().map(one).collect::<String>())
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web(way: Way) -> Entry<'static> {
        let path = "/a & b/$(x);@(y) 100%/Web.csproj";
        Entry { number: 3, path, registry: "r.io:5000", repository: "x/web", tag: "1", way }
    }

    #[test]
    fn a_path_is_nothing_but_a_path() {
        let text = building(&[web(Way::default())]);
        let path = "<Project>/a &amp; b/%24%28x%29%3B%40%28y%29 100%25/Web.csproj</Project>";
        assert!(text.contains(path) && asking([(3, web(Way::default()).path)].into_iter()).contains(path), "{text}");
    }

    #[test]
    fn only_where_an_image_goes_is_set() {
        let text = building(&[web(Way::default())]);
        let container = "<Container>ContainerRegistry=r.io:5000;ContainerRepository=x/web;ContainerImageTag=1;\
                         ContainerImageTags=</Container>";
        assert!(text.contains(container), "{text}");
        assert!(!text.contains("      <AdditionalProperties>Tar") && !text.contains("SelfContained"), "{text}");
        let text = building(&[web(Way { framework: Some("net10.0".into()), several_platforms: true, enable: true })]);
        assert!(text.contains("<AdditionalProperties>TargetFramework=net10.0</AdditionalProperties>"), "{text}");
        assert!(text.contains("<Platforms>several</Platforms>") && text.contains("EnableSdkContainerSupport=true"));
    }

    #[test]
    fn every_property_is_asked_for() {
        let (says, asks) = (says(), asking(std::iter::empty()));
        for name in ASKED {
            assert!(says.contains(&format!("$({name}.Replace")) && asks.contains(&format!("%({name})")), "{name}");
        }
    }
}
