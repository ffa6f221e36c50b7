//! Command line: makes the files of a release.

use packaging::{Error, PLATFORMS, Platform, Project};
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: packaging platform TARGET PROGRAM DIR    make what one platform gets, from its program
       packaging finish DIR [--partial]         .NET tool, krew manifest, checksums, from all archives in DIR
       packaging sign DIR KEY                   sign archives and checksums with a key of GnuPG
       packaging targets                        list the targets";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["platform", target, program, out] => one(target, Path::new(program), Path::new(out)),
        ["finish", out] => project().and_then(|project| packaging::finish(&project, Path::new(out), false)),
        ["finish", out, "--partial"] => project().and_then(|project| packaging::finish(&project, Path::new(out), true)),
        ["sign", out, key] => project().and_then(|project| packaging::sign(&project, Path::new(out), key)),
        ["targets"] => {
            for platform in PLATFORMS {
                println!("{}", platform.target);
            }
            Ok(())
        }
        _ => Err(USAGE.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("packaging: {error}");
            ExitCode::FAILURE
        }
    }
}

fn project() -> Result<Project, Error> {
    Project::read(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")))
}

fn one(target: &str, program: &Path, out: &Path) -> Result<(), Error> {
    let platform = Platform::of_target(target).ok_or_else(|| format!("there is no release for {target}"))?;
    std::fs::create_dir_all(out)?;
    for file in packaging::platform(&project()?, &platform, program, out)? {
        println!("{}", file.display());
    }
    Ok(())
}
