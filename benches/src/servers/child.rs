//! A process in a temporary folder, both of which end with the value.
//!
//! In: a command. Out: its process, which is killed by its id. Never a process that this program did not start.

use std::{
    env, fs,
    io::{self, BufRead as _, BufReader},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child as Process, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

/// More than any server takes to start.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Child {
    process: Process,
    /// How to end it: what PostgreSQL takes as "now, and cleanly" is not what others do.
    signal: Signal,
    _folder: Option<TempDir>,
}

impl Child {
    /// Starts `command`, whose output goes to a file in `folder`.
    pub(crate) fn server(mut command: Command, signal: Signal, folder: TempDir) -> io::Result<Self> {
        let log = fs::File::create(folder.path().join("log"))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let process = command.spawn()?;
        Ok(Self { process, signal, _folder: Some(folder) })
    }

    /// Starts `command`, and reads the first line that it prints: the port on which it listens.
    pub(crate) fn app(mut command: Command) -> io::Result<(Self, u16)> {
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let mut child = Self { process, signal: Signal::KILL, _folder: None };
        let port = line.trim().parse().map_err(|_| {
            let _ = child.process.wait();
            io::Error::other(format!("{command:?} did not print its port"))
        })?;
        Ok((child, port))
    }

    pub(crate) fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.process.try_wait()?.is_some())
    }

    /// The CPU time of the process, on Linux, in hundredths of a second.
    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        // The second field is a name in brackets, which may contain spaces; these are fields 14 and 15.
        let words = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11);
        let ticks: u64 = words.take(2).filter_map(|word| word.parse::<u64>().ok()).sum();
        Ok(Duration::from_millis(10 * ticks))
    }

    /// Waits until `port` accepts connections.
    pub(crate) fn until_it_listens(&mut self, port: u16) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if self.has_ended()? || Instant::now() > deadline {
                return Err(io::Error::other("a server did not start"));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some(process) = Pid::from_raw(self.process.id().cast_signed()) {
            // Its id is valid, because its end has not been waited for.
            let _ = kill_process(process, self.signal);
        }
        let _ = self.process.wait();
    }
}

/// The user that runs a database, because databases do not run as root: that of its package, or `nobody`; `None` if this is not root.
pub(crate) fn user(name: &str) -> io::Result<Option<(u32, u32)>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let find = |name: &str| {
        let mut fields =
            users.lines().map(|line| line.split(':')).find(|fields| fields.clone().next() == Some(name))?;
        Some((fields.nth(2)?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    let user = find(name).or_else(|| find("nobody"));
    user.map(Some).ok_or_else(|| io::Error::other(format!("root needs a user to run it: {name} or nobody")))
}

/// A port on which nothing listens at the moment.
pub(crate) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The path of a program, on the path or else in one of these folders.
pub(crate) fn find(program: &str, folders: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).chain(folders).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// The version that a program prints.
pub(crate) fn version(program: &Path, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output().ok();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}
