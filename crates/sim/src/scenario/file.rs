//! A scenario on disk.

use super::{SCENARIO_LEN_MAX, Scenario, ScenarioError};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// A scenario, and the file that it is from.
#[derive(Debug)]
pub struct ScenarioFile {
    /// What the file says; its graph is beside the file.
    pub scenario: Scenario,
    path: PathBuf,
    text: String,
}

/// A scenario file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}", path.display())]
pub struct ScenarioFileError {
    /// Which.
    path: PathBuf,
    /// What is wrong with it.
    #[source]
    source: ScenarioError,
}

impl ScenarioFile {
    /// Reads a scenario from disk.
    pub fn load(path: &Path) -> Result<Self, ScenarioFileError> {
        let refuse = |source| ScenarioFileError {
            path: path.to_owned(),
            source,
        };
        let text = read(path).map_err(|source| refuse(ScenarioError::Read { source }))?;
        let mut scenario = Scenario::parse(&text).map_err(refuse)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        scenario.graph = scenario.graph.map(|graph| folder.join(graph));
        Ok(Self {
            scenario,
            path: path.to_owned(),
            text,
        })
    }

    /// The same problem, with the file and the line on which its key stands.
    pub fn place(&self, problem: ScenarioError) -> ScenarioFileError {
        ScenarioFileError {
            path: self.path.clone(),
            source: problem.in_text(&self.text),
        }
    }
}

/// One octet more than may be, so that what is too long is seen to be.
fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(SCENARIO_LEN_MAX as u64 + 1)
        .read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_is_beside_its_scenario_and_problems_have_their_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.toml");
        let text = "topology = \"graph\"\ngraph = \"graph.json\"\n\n[[faults]]\nkind = \"silent\"\n\
                    target = \"nobody\"\nat = \"-1h\"\n";
        std::fs::write(&path, text).unwrap();
        let file = ScenarioFile::load(&path).unwrap();
        assert_eq!(file.scenario.graph, Some(folder.path().join("graph.json")));
        let told = |error: &ScenarioFileError| format!("{error}: {}", error.source);
        let undated = file.scenario.faults_have_dates().unwrap_err();
        let undated = told(&file.place(undated));
        assert!(
            undated.contains("lab.toml: line 7: `faults[0].at`"),
            "{undated}"
        );

        std::fs::write(&path, "#".repeat(SCENARIO_LEN_MAX + 1)).unwrap();
        let long = told(&ScenarioFile::load(&path).unwrap_err());
        assert!(long.contains("too many for a scenario"), "{long}");
        let none = ScenarioFile::load(&folder.path().join("none.toml"));
        assert!(told(&none.unwrap_err()).contains("cannot be read"));
    }
}
