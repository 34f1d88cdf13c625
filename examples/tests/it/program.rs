//! The shop as a process.
//!
//! In: a folder and arguments. Out: a running shop and its output. Never: leaves a process behind.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, ChildStdout, Command, Output, Stdio},
};

pub(crate) struct Program {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// The lines that it printed at startup; the address is the last one.
    pub(crate) said: Vec<String>,
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shop"));
    command.args(arguments).current_dir(folder).env_remove("SESSION_KEY");
    command
}

/// Runs the shop until it ends by itself.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

impl Program {
    /// Starts the shop in `folder`, and waits until it prints its address.
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

    /// Stops the shop by a signal, and returns its last output.
    pub(crate) fn stop(mut self, signal: &str) -> String {
        // `kill` is built into the shell; a program of that name is not installed everywhere.
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
        // The process has already ended, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
