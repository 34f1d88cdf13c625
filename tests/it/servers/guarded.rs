//! A server process and its folder, both of which are gone when the test ends, however it ends.
//!
//! In: a command line, and the user that runs it. Out: signals, whether the process runs, and its output. Never leaves a process or a folder behind,
//! even if the test process is killed or never drops its statics: the guardian waits for the end of a pipe that only the test process
//! holds.

use std::{
    fs::{self, OpenOptions},
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
};

use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::until;

/// Runs beside the test process; `$0` is the folder. It moves the folder before it reads the process id, and a server that does not find its
/// folder does not start, so a server that is just starting does not escape.
const GUARDIAN: &str = r#"
while read -r line; do :; done
mv "$0" "$0.gone"
if read -r server <"$0.gone/process"; then
    # A frozen child of a dead server would stay for ever. The server must not start another one while its children are listed.
    kill -STOP "$server"
    for attempt in 1 2 3 4 5 6 7 8 9; do
        read -r line <"/proc/$server/stat" || break
        set -- ${line##*) }
        [ "$1" = T ] || [ "$1" = Z ] && break
        sleep 0.02
    done
    children=
    for process in /proc/[0-9]*; do
        read -r line <"$process/stat" || continue
        set -- ${line##*) }
        [ "$2" = "$server" ] && children="$children ${process#/proc/}"
    done
    kill -9 "$server" $children
fi
# Who is dying may still write.
for attempt in 1 2 3 4 5 6 7 8 9; do
    rm -rf "$0.gone" && exit
    sleep 0.2
done
"#;

/// Becomes the server; `$0` is the folder, which stays the working folder when it is moved.
pub(crate) const SERVER: &str = r#"echo $$ >process && [ -e "$0" ] && exec "$@""#;

/// A user of this machine.
#[derive(Clone, Copy)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// The user that runs a server, because databases do not run as root: the one of its package, or else `nobody`.
pub(crate) fn user_for(package: &str) -> Option<User> {
    if !geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let find = |name: &str| {
        let mut fields =
            users.lines().map(|line| line.split(':')).find(|fields| fields.clone().next() == Some(name))?;
        Some(User { uid: fields.nth(2)?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    };
    let user = find(package).or_else(|| find("nobody"));
    Some(user.unwrap_or_else(|| panic!("root needs a user to run a server: {package} or nobody")))
}

pub(crate) struct Guarded {
    folder: PathBuf,
    user: Option<User>,
    server: Mutex<Option<Child>>,
    guardian: Child,
}

impl Guarded {
    /// A folder for a server that `user` runs; without a user, the user of the tests.
    pub(crate) fn new(user: Option<User>) -> Self {
        let folder = tempfile::Builder::new().prefix("session-tests-").tempdir().unwrap().keep();
        // In a process group of its own: an interrupt from the terminal ends the test process, and that ends the others.
        let guardian = Command::new("sh")
            .args(["-c", GUARDIAN])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        if let Some(User { uid, gid }) = user {
            chown(&folder, Some(uid), Some(gid)).unwrap();
        }
        Self { folder, user, server: Mutex::new(None), guardian }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The output of the server, for the message of a test that fails.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Runs a program that ends by itself; panics with its output if it fails.
    pub(crate) fn run(&self, program: &Path, arguments: &[&str]) {
        let mut command = Command::new(program);
        self.prepare(command.args(arguments));
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} failed: {errors}", program.display());
    }

    /// Starts the server. One that ran before must have ended.
    pub(crate) fn spawn(&self, program: &Path, arguments: &[String]) {
        let log = OpenOptions::new().create(true).append(true).open(self.folder.join("log")).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", SERVER]).arg(&self.folder).arg(program).args(arguments);
        self.prepare(&mut command);
        command.stdout(log.try_clone().unwrap()).stderr(log).process_group(0);
        let mut server = self.server.lock().unwrap();
        assert!(server.is_none(), "it runs already");
        *server = Some(command.spawn().unwrap());
    }

    fn prepare(&self, command: &mut Command) {
        command.current_dir(&self.folder).stdin(Stdio::null());
        if let Some(User { uid, gid }) = self.user {
            command.uid(uid).gid(gid);
        }
    }

    /// The id of the server's process.
    pub(crate) fn process(&self) -> u32 {
        self.server.lock().unwrap().as_ref().expect("it runs").id()
    }

    /// Whether the server has ended.
    pub(crate) fn has_ended(&self) -> bool {
        let mut server = self.server.lock().unwrap();
        let Some(child) = server.as_mut() else { return true };
        if child.try_wait().unwrap().is_none() {
            return false;
        }
        *server = None;
        // From here on, its id may belong to another process.
        fs::remove_file(self.folder.join("process")).unwrap();
        true
    }

    /// The ids of the server and of its children, which do the work in PostgreSQL.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let server = self.process();
        [vec![server], children_of(server)].concat()
    }

    /// Stops the server's own process, so that it starts no further child, and returns the ids of all processes.
    async fn hold(&self) -> Vec<u32> {
        signal_to(self.process(), Signal::STOP);
        let stands =
            || state_and_parent(self.process()).is_none_or(|(state, _)| matches!(state, 'T' | 'Z' | 'X'));
        until("the server stands still", || async { stands() }).await;
        self.processes()
    }

    /// Freezes the server and its children; the kernel still accepts connections for them.
    pub(crate) async fn freeze(&self) {
        for process in self.hold().await {
            signal_to(process, Signal::STOP);
        }
    }

    pub(crate) fn thaw(&self) {
        let server = self.process();
        for child in children_of(server) {
            signal_to(child, Signal::CONT);
        }
        signal_to(server, Signal::CONT);
    }

    /// Kills all processes, as a crash does; they are gone when this returns.
    pub(crate) async fn kill(&self) {
        if self.has_ended() {
            return;
        }
        let processes = self.hold().await;
        for process in &processes {
            signal_to(*process, Signal::KILL);
        }
        self.until_ended(&processes).await;
    }

    /// Asks the server to end in the way that `signal` means to it.
    pub(crate) async fn stop(&self, signal: Signal) {
        let processes = self.processes();
        signal_to(self.process(), signal);
        self.until_ended(&processes).await;
    }

    async fn until_ended(&self, processes: &[u32]) {
        until("the server ended", || async { self.has_ended() }).await;
        until("its children ended", || async { processes.iter().all(|process| !lives(*process)) }).await;
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // The guardian waits for the end of this pipe.
        drop(self.guardian.stdin.take());
        let _ = self.guardian.wait();
        if let Some(mut server) = self.server.get_mut().unwrap().take() {
            let _ = server.wait();
        }
    }
}

fn signal_to(process: u32, signal: Signal) {
    let process = Pid::from_raw(process.cast_signed()).unwrap();
    // A child may end at any time. The server's id stays valid, because its end has not been waited for.
    let _ = kill_process(process, signal);
}

/// The children that run; one that has ended stays listed until its parent waits for it.
fn children_of(parent: u32) -> Vec<u32> {
    let processes =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let is_child = |process: &u32| state_and_parent(*process).is_some_and(|(_, of)| of == parent);
    processes.filter(is_child).filter(|process| lives(*process)).collect()
}

/// Whether a process runs. One that has ended and was not waited for does not.
pub(crate) fn lives(process: u32) -> bool {
    state_and_parent(process).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

fn state_and_parent(process: u32) -> Option<(char, u32)> {
    let line = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The process name before it may contain anything.
    let mut words = line.rsplit_once(") ")?.1.split(' ');
    Some((words.next()?.chars().next()?, words.next()?.parse().ok()?))
}
