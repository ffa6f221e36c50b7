//! The program as a .NET tool: one small package that names the packages of all platforms, and one for each platform
//! with the program in it. SDK 10 and later install native programs so.

use crate::{Error, Platform, Project, write};
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Name of the package that people install.
const NAME: &str = "KubectlAspire";

/// Name of the command that it makes.
const COMMAND: &str = "kubectl-aspire";

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";

/// A file of a package; the program can be run.
struct File<'a> {
    path: String,
    content: &'a [u8],
    mode: u32,
}

/// The package of one platform.
pub(crate) fn of_platform(
    project: &Project,
    rid: &str,
    platform: &Platform,
    program: &[u8],
    out: &Path,
) -> Result<PathBuf, Error> {
    let name = platform.program();
    let command = format!("<Command Name=\"{COMMAND}\" EntryPoint=\"{name}\" Runner=\"executable\" />");
    let settings = settings(&command, "");
    let folder = format!("tools/net10.0/{rid}");
    let files = [
        File { path: format!("{folder}/DotnetToolSettings.xml"), content: settings.as_bytes(), mode: 0o644 },
        File { path: format!("{folder}/{name}"), content: program, mode: 0o755 },
    ];
    package(project, &format!("{NAME}.{rid}"), "DotnetToolRidPackage", &files, out)
}

/// The package that names those of these platforms.
pub(crate) fn of_all(project: &Project, rids: &[&str], out: &Path) -> Result<PathBuf, Error> {
    let row = |rid: &&str| format!("<RuntimeIdentifierPackage RuntimeIdentifier=\"{rid}\" Id=\"{NAME}.{rid}\" />");
    let rows: String = rids.iter().map(row).collect();
    let packages = format!("<RuntimeIdentifierPackages>{rows}</RuntimeIdentifierPackages>");
    let settings = settings(&format!("<Command Name=\"{COMMAND}\" />"), &packages);
    let readme = project.file("README.md")?;
    let files = [
        File { path: "tools/any/any/DotnetToolSettings.xml".into(), content: settings.as_bytes(), mode: 0o644 },
        File { path: "README.md".into(), content: &readme, mode: 0o644 },
    ];
    package(project, NAME, "DotnetTool", &files, out)
}

fn settings(command: &str, more: &str) -> String {
    format!("{DECLARATION}<DotNetCliTool Version=\"2\"><Commands>{command}</Commands>{more}</DotNetCliTool>\n")
}

fn package(project: &Project, id: &str, kind: &str, files: &[File], out: &Path) -> Result<PathBuf, Error> {
    let fixed = [
        ("[Content_Types].xml".to_owned(), content_types(files)),
        ("_rels/.rels".to_owned(), relations(id)),
        (format!("{id}.nuspec"), nuspec(project, id, kind, files)),
    ];
    let fixed = fixed.iter().map(|(path, text)| (path, 0o644, text.as_bytes()));
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    // Without the time of the day, the same content makes the same bytes.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default());
    for (path, mode, content) in fixed.chain(files.iter().map(|file| (&file.path, file.mode, file.content))) {
        zip.start_file(path, options.unix_permissions(mode))?;
        zip.write_all(content)?;
    }
    write(out.join(format!("{id}.{}.nupkg", project.version)), zip.finish()?.get_ref())
}

/// The parts of the package with the type of each; every part needs one.
fn content_types(files: &[File]) -> String {
    let known =
        ["xml", "nuspec", "md"].map(|end| format!("<Default Extension=\"{end}\" ContentType=\"application/octet\"/>"));
    let has_known_end = |path: &str| [".xml", ".md"].iter().any(|end| path.ends_with(end));
    let others = files.iter().filter(|file| !has_known_end(&file.path));
    let others =
        others.map(|file| format!("<Override PartName=\"/{}\" ContentType=\"application/octet\"/>", file.path));
    format!(
        "{DECLARATION}<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default \
         Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>{}{}</Types>\n",
        known.concat(),
        others.collect::<String>()
    )
}

fn relations(id: &str) -> String {
    format!(
        "{DECLARATION}<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship \
         Type=\"http://schemas.microsoft.com/packaging/2010/07/manifest\" Target=\"/{id}.nuspec\" \
         Id=\"R1\"/></Relationships>\n"
    )
}

fn nuspec(project: &Project, id: &str, kind: &str, files: &[File]) -> String {
    let Project { version, description, license, repository, .. } = project;
    let has_readme = files.iter().any(|file| file.path == "README.md");
    let readme = if has_readme { "<readme>README.md</readme>" } else { "" };
    format!(
        "{DECLARATION}<package xmlns=\"http://schemas.microsoft.com/packaging/2012/06/nuspec.xsd\"><metadata><id>{id}</id>\
         <version>{version}</version><authors>kubectl-aspire</authors><license type=\"expression\">{license}</license>\
         <projectUrl>{repository}</projectUrl><description>{description}</description><tags>aspire kubernetes helm \
         kubectl</tags>{readme}<repository type=\"git\" url=\"{repository}\" /><packageTypes><packageType name=\"{kind}\" \
         /></packageTypes></metadata></package>\n"
    )
}
