//! The servers, and the choice of a server for each request.
//!
//! In: the release to run in each place. Out: a running server for each request. Never: stops a server that a client may still choose.

use std::{
    env,
    ffi::OsString,
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::{Duration, Instant},
};

use rand::{rngs::SmallRng, seq::IteratorRandom};

pub(crate) type Release = u8;

pub(crate) struct Server {
    pub(crate) release: Release,
    pub(crate) address: SocketAddr,
    program: Mutex<Child>,
    /// Read-locked by every request that the server is handling.
    busy: RwLock<()>,
}

pub(crate) struct Fleet {
    environment: [(&'static str, OsString); 2],
    places: RwLock<Vec<Arc<Server>>>,
}

impl Fleet {
    pub(crate) fn new(store: &str, key: &str) -> Self {
        let environment = [("SESSION_STORE", store.into()), ("SESSION_KEY", key.into())];
        Self { environment, places: RwLock::default() }
    }

    /// Calls `ask` with a random server whose release is suitable. Returns `None` if there is none.
    pub(crate) fn any<R>(
        &self,
        will_do: impl Fn(Release) -> bool,
        ask: impl FnOnce(&Server) -> R,
    ) -> Option<R> {
        let places = self.read();
        let able = places.iter().filter(|server| will_do(server.release));
        let server = Arc::clone(able.choose(&mut rand::make_rng::<SmallRng>())?);
        let _busy = server.busy.read();
        drop(places);
        Some(ask(&server))
    }

    /// Starts a new server in a place, and returns the one that was there, which is idle and gets no more requests.
    pub(crate) fn replace(&self, place: usize, release: Release) -> Result<Option<Arc<Server>>, String> {
        if self.read().get(place).is_some_and(|server| server.release == release) {
            return Ok(None);
        }
        let mut server = Arc::new(self.start(release)?);
        let mut places = self.write();
        let Some(there) = places.get_mut(place) else {
            places.push(server);
            return Ok(None);
        };
        std::mem::swap(there, &mut server);
        drop(places);
        drop(server.busy.write());
        Ok(Some(server))
    }

    /// Starts a server that gets no requests yet.
    pub(crate) fn start(&self, release: Release) -> Result<Server, String> {
        let mut command = self.program(release)?;
        let mut program = command.stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
        let mut said = String::new();
        if let Some(stdout) = program.stdout.take() {
            let _ = BufReader::new(stdout).read_line(&mut said);
        }
        let address = said.trim_end().strip_prefix("http://").and_then(|address| address.parse().ok());
        let Some(address) = address else {
            let _ = program.kill();
            let _ = program.wait();
            return Err(format!("release {release} did not start"));
        };
        Ok(Server { release, address, program: Mutex::new(program), busy: RwLock::default() })
    }

    /// Runs the census of `release`, which writes nothing to the store.
    pub(crate) fn census(&self, release: Release) -> Result<String, String> {
        let output = self.program(release)?.arg("census").output().map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(format!("the census ended with {}", output.status));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn program(&self, release: Release) -> Result<Command, String> {
        let name = format!("deploy-v{release}{}", env::consts::EXE_SUFFIX);
        let path = env::current_exe().map_err(|error| error.to_string())?.with_file_name(name);
        if !path.exists() {
            let build = "cargo build -p session-examples --bins";
            return Err(format!("{} is missing; build all with `{build}`", path.display()));
        }
        let mut command = Command::new(path);
        command.envs(self.environment.clone());
        Ok(command)
    }

    fn read(&self) -> RwLockReadGuard<'_, Vec<Arc<Server>>> {
        self.places.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<Arc<Server>>> {
        self.places.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    /// Asks the server to stop, and waits until it accepts no more connections. It finishes the requests that it has begun.
    pub(crate) fn terminate(&self) -> Result<(), String> {
        // `kill` is built into the shell; a program of that name is not installed everywhere.
        let kill = format!("kill -TERM {}", self.program().id());
        Command::new("sh").args(["-c", &kill]).status().map_err(|error| format!("sh: {error}"))?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(self.address).is_ok() {
            if Instant::now() > deadline {
                return Err(format!("release {} does not stop", self.release));
            }
        }
        Ok(())
    }

    /// Waits until the server has ended, and fails unless it succeeded.
    pub(crate) fn ended(&self) -> Result<(), String> {
        match self.program().wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("release {} ended with {status}", self.release)),
            Err(error) => Err(error.to_string()),
        }
    }

    fn program(&self) -> MutexGuard<'_, Child> {
        self.program.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // This does nothing if the server has already ended.
        let mut program = self.program();
        let _ = program.kill();
        let _ = program.wait();
    }
}
