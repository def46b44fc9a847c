//! The server as a process that can be stopped and killed.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{
    client::{Answer, send},
    invariants,
};

pub(crate) const SERVER: &str = env!("CARGO_BIN_EXE_sk-tickets-server");
const PATIENCE: Duration = Duration::from_secs(30);

/// A subcommand, in `folder`, with the database `tickets.db` there.
pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    command_on("sqlite:tickets.db", folder, arguments)
}

/// A subcommand on another database.
pub(crate) fn command_on(database: &str, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(SERVER);
    command.current_dir(folder).args(["--database", database]).args(arguments).env_remove("RUST_LOG");
    command
}

/// A running process whose output is read along.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let (stdout, stderr) = (Arc::default(), Arc::default());
        let readers = vec![
            collect(child.stdout.take().expect("piped"), &stdout),
            collect(child.stderr.take().expect("piped"), &stderr),
        ];
        Self { child, stdout, stderr, readers }
    }

    pub(crate) fn stdout(&self) -> String {
        self.stdout.lock().expect("unharmed").clone()
    }

    pub(crate) fn stderr(&self) -> String {
        self.stderr.lock().expect("unharmed").clone()
    }

    /// Waits until its standard output has this text; all of it so far.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let start = Instant::now();
        loop {
            let stdout = self.stdout();
            if stdout.contains(text) {
                return stdout;
            }
            let ended = self.child.try_wait().expect("can be asked");
            assert!(
                start.elapsed() < PATIENCE && ended.is_none(),
                "{text:?} did not come ({ended:?}):\n{stdout}\n{}",
                self.stderr()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Its id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.expect("kill is there").success());
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("can be asked").is_none()
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("can be asked") {
                self.readers.drain(..).for_each(|reader| reader.join().expect("reads to the end"));
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it does not end:\n{}", self.stderr());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(output: impl Read + Send + 'static, into: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let into = Arc::clone(into);
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let mut text = into.lock().expect("unharmed");
            text.push_str(&line);
            text.push('\n');
        }
    })
}

/// A server that listens. Once a test is done with it, all that always holds must hold in its database.
#[derive(Debug)]
pub(crate) struct Server {
    database: String,
    pub(crate) process: Process,
    pub(crate) authority: String,
    pub(crate) key: String,
}

impl Server {
    /// Starts a server on a free port, on the database in `folder`, and makes a key for it.
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_on("sqlite:tickets.db", folder, "127.0.0.1:0", arguments)
    }

    /// Starts a server at an address, on any database, and makes a key for it.
    pub(crate) fn start_on(database: &str, folder: &Path, listen: &str, arguments: &[&str]) -> Self {
        // Load is what some of these tests are about.
        let arguments = [&["--listen", listen, "--rate-limit", "0"], arguments].concat();
        Self::started(command_on(database, folder, &arguments), database, folder)
    }

    /// Starts a server as `start` does, which may have so many files and sockets.
    pub(crate) fn start_with_descriptors(folder: &Path, descriptors: u32, arguments: &[&str]) -> Self {
        let database = "sqlite:tickets.db";
        let mut command = Command::new("sh");
        let limited = format!("ulimit -n {descriptors} && exec \"$0\" \"$@\"");
        command.current_dir(folder).env_remove("RUST_LOG").args(["-c", &limited, SERVER, "--database", database]);
        command.args(["--listen", "127.0.0.1:0", "--rate-limit", "0"]).args(arguments);
        Self::started(command, database, folder)
    }

    /// The server that this command starts, and a key for it.
    fn started(command: Command, database: &str, folder: &Path) -> Self {
        let mut process = Process::start(command);
        let stdout = process.wait_for("listening on http://");
        let authority =
            stdout.split("listening on http://").nth(1).expect("there").lines().next().expect("there").to_owned();
        let key = create_key_on(database, folder, &["--tenant", "demo", "--environment", "test"]);
        // As a path that leads there from here, too.
        let database = match database.strip_prefix("sqlite:") {
            Some(file) => format!("sqlite:{}", folder.join(file).display()),
            None => database.to_owned(),
        };
        Self { database, process, authority, key }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None, "").expect("an answer")
    }

    pub(crate) fn post(&self, path: &str, idempotency_key: &str, body: &str) -> Answer {
        self.send("POST", path, Some(idempotency_key), body).expect("an answer")
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        idempotency_key: Option<&str>,
        body: &str,
    ) -> std::io::Result<Answer> {
        let authorization = format!("Bearer {}", self.key);
        let mut headers = vec![("authorization", authorization.as_str()), ("content-type", "application/json")];
        headers.extend(idempotency_key.map(|key| ("idempotency-key", key)));
        send(&self.authority, method, &format!("/tickets/v1{path}"), &headers, body.as_bytes())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !thread::panicking() {
            invariants::hold(&self.database);
        }
    }
}

/// Makes a key beside whatever runs, by the command line.
pub(crate) fn create_key(folder: &Path, arguments: &[&str]) -> String {
    create_key_on("sqlite:tickets.db", folder, arguments)
}

pub(crate) fn create_key_on(database: &str, folder: &Path, arguments: &[&str]) -> String {
    let output = command_on(database, folder, &[&["keys", "create"], arguments].concat()).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim_end_matches('\n').to_owned()
}
