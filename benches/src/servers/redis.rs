//! A Redis server of this program's own, and what it tells about itself.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::child::{Child, find, free_port};

pub(crate) struct Redis {
    pub(crate) port: u16,
    connection: BufReader<TcpStream>,
    _child: Child,
}

pub(crate) fn program() -> Option<PathBuf> {
    find("redis-server", [])
}

impl Redis {
    /// A server without persistence, which no measurement is about.
    pub(crate) fn start() -> io::Result<Self> {
        let program = program().ok_or_else(|| io::Error::other("redis-server is missing"))?;
        let (folder, port) = (tempfile::tempdir()?, free_port()?);
        let mut command = Command::new(program);
        command
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"])
            // The stream to replicas then has nothing in it but what is measured.
            .args(["--repl-ping-replica-period", "3600", "--repl-diskless-sync-delay", "0", "--dir"])
            .arg(folder.path());
        let mut child = Child::server(command, Signal::KILL, folder)?;
        child.until_it_listens(port)?;
        let connection = BufReader::new(TcpStream::connect((Ipv4Addr::LOCALHOST, port))?);
        Ok(Self { port, connection, _child: child })
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Sends one command, in which words with spaces are in double quotes, and returns the text of the reply.
    pub(crate) fn ask(&mut self, command: &str) -> io::Result<String> {
        self.connection.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
        let mut line = String::new();
        self.connection.read_line(&mut line)?;
        let line = line.trim_end();
        match line.split_at_checked(1) {
            Some(("+" | ":", text)) => Ok(text.to_owned()),
            Some(("$", length)) => {
                let length: usize = length.parse().map_err(io::Error::other)?;
                let mut text = vec![0; length + 2];
                self.connection.read_exact(&mut text)?;
                text.truncate(length);
                String::from_utf8(text).map_err(io::Error::other)
            }
            _ => Err(io::Error::other(format!("`{command}`: {line}"))),
        }
    }

    /// A number in a section of `INFO`.
    fn info(&mut self, section: &str, name: &str) -> io::Result<u64> {
        let text = self.ask(&format!("INFO {section}"))?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value
            .and_then(|value| value.trim().parse().ok())
            .ok_or_else(|| io::Error::other(format!("no {name}")))
    }

    /// How far the stream to the replicas has come, in bytes.
    pub(crate) fn replicated(&mut self) -> io::Result<u64> {
        self.info("replication", "master_repl_offset")
    }

    /// Makes this server a replica of `primary`, and waits until it follows.
    pub(crate) fn follow(&mut self, primary: &Self) -> io::Result<()> {
        self.ask(&format!("REPLICAOF 127.0.0.1 {}", primary.port))?;
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.ask("INFO replication")?.contains("master_link_status:up") {
            if Instant::now() > deadline {
                return Err(io::Error::other("the replica does not follow"));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// From now on, keeps how long each command takes.
    pub(crate) fn keep_times(&mut self) -> io::Result<()> {
        self.ask("CONFIG SET slowlog-max-len 1000000")?;
        self.ask("CONFIG SET slowlog-log-slower-than 100")?;
        self.ask("SLOWLOG RESET").map(drop)
    }

    /// The longest command since then, in milliseconds; nobody else was answered meanwhile.
    pub(crate) fn longest(&mut self) -> io::Result<f64> {
        const LONGEST: &str = "local longest = 0 for _, entry in ipairs(redis.call('SLOWLOG', 'GET', -1)) do \
            longest = math.max(longest, entry[3]) end return tostring(longest)";
        self.ask("CONFIG SET slowlog-log-slower-than -1")?;
        let micros: f64 = self.ask(&format!("EVAL \"{LONGEST}\" 0"))?.parse().map_err(io::Error::other)?;
        Ok(micros / 1e3)
    }

    /// Forgets the commands so far.
    pub(crate) fn reset(&mut self) -> io::Result<()> {
        self.ask("CONFIG RESETSTAT").map(drop)
    }

    /// The microseconds in all commands since the last reset. Commands inside of scripts count twice, so no script must have run.
    pub(crate) fn busy(&mut self) -> io::Result<f64> {
        self.microseconds(|command| !matches!(command, "info" | "config|resetstat" | "replconf"))
    }

    /// The microseconds in scripts, and in the commands that write without one, since the last reset.
    pub(crate) fn busy_writing(&mut self) -> io::Result<f64> {
        self.microseconds(|command| {
            matches!(command, "eval" | "evalsha" | "fcall" | "set" | "setex" | "psetex")
        })
    }

    fn microseconds(&mut self, counts: impl Fn(&str) -> bool) -> io::Result<f64> {
        let text = self.ask("INFO commandstats")?;
        let of_line = |line: &str| {
            let (command, fields) = line.strip_prefix("cmdstat_")?.split_once(':')?;
            let usec =
                fields.split(',').find_map(|field| field.strip_prefix("usec=")?.parse::<f64>().ok())?;
            counts(command).then_some(usec)
        };
        Ok(text.lines().filter_map(of_line).sum())
    }
}
