//! The shop as a process.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, ChildStdout, Command, Output, Stdio},
};

pub(crate) struct Program {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// What it said before it served, the address last.
    pub(crate) said: Vec<String>,
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shop"));
    command.args(arguments).current_dir(folder).env_remove("SESSION_KEY");
    command
}

/// Runs it to its end.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

impl Program {
    /// Starts it in `folder` and waits for its address.
    pub(crate) fn start(folder: &Path, arguments: &[&str], key: Option<&str>) -> Self {
        let mut command = command(folder, arguments);
        command.args(["--port", "0"]).envs(key.map(|key| ("SESSION_KEY", key)));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut said: Vec<String> = Vec::new();
        while !said.last().is_some_and(|line| line.starts_with("http://")) {
            let mut line = String::new();
            assert!(stdout.read_line(&mut line).unwrap() > 0, "it ended after saying {said:?}");
            said.push(line.trim_end().to_owned());
        }
        Self { child, stdout, said }
    }

    pub(crate) fn address(&self) -> &str {
        self.said.last().unwrap()
    }

    /// Ends it by a signal, and returns what it said last.
    pub(crate) fn stop(mut self, signal: &str) -> String {
        // The shell's own `kill`: the program of that name is not everywhere.
        let kill = format!("kill {signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{signal}: {status}");
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        rest
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Already over, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
