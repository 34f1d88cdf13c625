//! One server process, which is killed when its test ends.

use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use super::{
    client::{Client, Jar},
    until,
};

const KEY: &str = "0123456789abcdef0123456789abcdef";

pub(super) struct Node {
    child: Child,
    /// The server ends when this is closed, as happens even if the test process is killed.
    stdin: ChildStdin,
    address: SocketAddr,
    reports: Arc<Mutex<Vec<String>>>,
}

/// What runs the server: `#[actix_web::main]`, or `#[tokio::main]`, which actix-web documents too.
#[derive(Clone, Copy)]
pub(super) enum Runtime {
    Actix,
    Tokio,
}

impl Node {
    /// Starts a server with its sessions at `url` and this deadline for store calls.
    pub(super) fn start(url: &str, deadline: Duration) -> Self {
        Self::start_under(Runtime::Actix, url, deadline)
    }

    pub(super) fn start_under(runtime: Runtime, url: &str, deadline: Duration) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_app"))
            .args([url, KEY, &deadline.as_millis().to_string()])
            .arg(match runtime {
                Runtime::Actix => "actix",
                Runtime::Tokio => "tokio",
            })
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let stderr = child.stderr.take().unwrap();
        let reports = Arc::new(Mutex::new(Vec::new()));
        let mut node = Self { child, stdin, address: ([0, 0, 0, 0], 0).into(), reports: reports.clone() };
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                reports.lock().unwrap().push(line);
            }
        });
        let mut first = String::new();
        BufReader::new(stdout).read_line(&mut first).unwrap();
        let address = first.trim().strip_prefix("listening on ");
        node.address = address.unwrap_or_else(|| panic!("no address: {:?}", node.reports())).parse().unwrap();
        node
    }

    /// A browser without cookies.
    pub(super) fn client(&self) -> Client {
        Client::to(self.address, Jar::default())
    }

    /// A client of this server with the cookies of `client`.
    pub(super) fn client_as(&self, client: &Client) -> Client {
        Client::to(self.address, client.jar.clone())
    }

    /// Calls a route that controls the server.
    pub(super) async fn direct(&self, path: &str) -> String {
        self.client().ok(path).await
    }

    async fn number(&self, path: &str) -> usize {
        self.direct(path).await.parse().unwrap()
    }

    pub(super) async fn until_waiting_at(&self, gate: &str, requests: usize) {
        let path = format!("/gate/{gate}/waiting");
        until(&path, async || self.number(&path).await == requests).await;
    }

    pub(super) async fn open(&self, gate: &str) {
        self.direct(&format!("/gate/{gate}/open")).await;
    }

    pub(super) async fn until_calls_wait(&self, calls: usize) {
        until("calls wait at the store", async || self.number("/calls/waiting").await == calls).await;
    }

    pub(super) async fn until_dropped(&self, requests: usize) {
        until("requests were dropped", async || self.number("/dropped").await == requests).await;
    }

    /// The number of store calls since the last time.
    pub(super) async fn calls(&self) -> usize {
        self.number("/calls").await
    }

    /// The warnings and errors that the server has reported so far.
    pub(super) fn reports(&self) -> Vec<String> {
        self.reports.lock().unwrap().clone()
    }

    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(super) fn ask_to_stop(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Turns the store on, even if the server accepts no more connections.
    pub(super) fn turn_store_on(&mut self) {
        writeln!(self.stdin, "on").unwrap();
    }

    /// Waits until the server has ended after it was asked to stop.
    pub(super) async fn until_stopped(&mut self) {
        until("the server stops", async || self.child.try_wait().unwrap().is_some()).await;
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
