//! Generated files: one row each in [`TABLE`]. Run after the whole workspace was built.

use crate::programs::{output, root};
use crate::tally::Outcome;
use crate::{web, workspace};
use anyhow::{Context as _, bail};
use std::path::Path;
use std::process::Command;

/// A file, and how its text comes about. Rows may use files of rows above them.
struct Generated {
    path: &'static str,
    from: Source,
}

enum Source {
    /// What an example program prints.
    Example(&'static str),
    /// What `foretell` prints, given these arguments.
    Foretell(&'static [&'static str]),
    /// `npm run generate` writes it.
    Npm,
}

const TABLE: &[Generated] = &[
    Generated {
        path: "crates/api/openapi.json",
        from: Source::Example("openapi"),
    },
    Generated {
        path: "web/src/generated/api.d.ts",
        from: Source::Npm,
    },
    Generated {
        path: "docs/guide/metrics.md",
        from: Source::Example("metrics"),
    },
    Generated {
        path: "docs/formats/collections.md",
        from: Source::Example("collections"),
    },
    Generated {
        path: "docs/formats/series.md",
        from: Source::Example("series"),
    },
    Generated {
        path: "docs/guide/configuration.md",
        from: Source::Foretell(&["config", "reference"]),
    },
    Generated {
        path: "docs/guide/foretell.sample.toml",
        from: Source::Foretell(&["config", "sample"]),
    },
];

/// Writes every file, or with `check` leaves them as they were and fails where one is stale.
pub(crate) fn run(check: bool) -> anyhow::Result<Outcome> {
    let mut stale = Vec::new();
    let mut skipped = Vec::new();
    for row in TABLE {
        let path = root().join(row.path);
        let before = std::fs::read_to_string(&path).ok();
        let text = match row.from {
            Source::Example(name) => output(&mut Command::new(workspace::example(name)))?,
            Source::Foretell(arguments) => {
                output(Command::new(workspace::foretell()).args(arguments))?
            }
            Source::Npm => {
                if let Some(Outcome::Skipped(why)) = web::unavailable() {
                    skipped.push(format!("{}: {why}", row.path));
                    continue;
                }
                web::generate_types()?;
                std::fs::read_to_string(&path).with_context(|| row.path)?
            }
        };
        if before.as_ref() == Some(&text) {
            continue;
        }
        stale.push(row.path);
        match (check, before) {
            (true, Some(before)) => write(&path, &before)?,
            (true, None) => {}
            (false, _) => write(&path, &text)?,
        }
    }
    if check && !stale.is_empty() {
        bail!("stale: {}; run cargo xtask codegen", stale.join(", "));
    }
    for path in stale {
        println!("{path}");
    }
    if skipped.is_empty() {
        Ok(Outcome::Passed)
    } else {
        Ok(Outcome::Skipped(skipped.join("; ")))
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text).with_context(|| path.display().to_string())
}
