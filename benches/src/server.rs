use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
};

/// The tenant that everything is measured in, in the world `test`, from where webhooks may go to this machine.
pub const TENANT: &str = "bench";

/// Says the id of the process it starts, and ends it when nobody holds the pipe any more: whatever becomes of the bench.
const WATCHDOG: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
echo "$!"
read -r _ <&3
kill "$!"
wait "$!" 2>/dev/null
"#;

/// A server in a process of its own.
#[derive(Debug)]
pub struct Server {
    watchdog: Child,
    /// Closed with the bench, at the latest.
    lifeline: Option<ChildStdin>,
    process: u32,
    /// The host and port that it listens at.
    pub authority: String,
    /// A key that may do everything. Empty, if the server knows none.
    pub api_key: String,
}

impl Server {
    /// Starts the release build of `sk-tickets-server` on a database, with any number of requests allowed.
    ///
    /// # Panics
    /// If it is not there or does not start.
    #[must_use]
    pub fn start(database: &str) -> Self {
        let program = program();
        assert!(
            program.exists(),
            "no {}; build it: cargo build --release -p sk-tickets-examples --bin sk-tickets-server",
            program.display()
        );
        let mut keys = Command::new(&program);
        keys.args(["--database", database, "keys", "create", "--tenant", TENANT, "--environment", "test"]);
        let made = keys.output().expect("it runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let api_key = String::from_utf8(made.stdout).expect("text").trim().to_owned();
        let mut serve = Command::new(program);
        serve.args(["--database", database, "serve", "--listen", "127.0.0.1:0", "--rate-limit", "0"]);
        let mut server = Self::run(&serve);
        server.api_key = api_key;
        server
    }

    /// Starts any server that says `listening on http://…` when it does.
    ///
    /// # Panics
    /// If it does not.
    #[must_use]
    pub fn run(command: &Command) -> Self {
        let mut watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog"])
            .arg(command.get_program())
            .args(command.get_args())
            .env("RUST_LOG", "warn")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let lifeline = watchdog.stdin.take();
        let mut lines = BufReader::new(watchdog.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let process = lines.next().and_then(|line| line.parse().ok()).expect("the id of a process");
        let authority = lines.find_map(|line| Some(line.split_once("listening on http://")?.1.to_owned()));
        let authority = authority.expect("it listens");
        // So that it can go on writing.
        std::thread::spawn(move || lines.for_each(drop));
        Self { watchdog, lifeline, process, authority, api_key: String::new() }
    }

    /// The memory that is its own and in use, in megabytes.
    ///
    /// # Panics
    /// If it has ended.
    #[must_use]
    pub fn resident_mb(&self) -> f64 {
        self.status("VmRSS:")
    }

    /// The most that [`Server::resident_mb`] has been since it was started.
    ///
    /// # Panics
    /// If it has ended.
    #[must_use]
    pub fn peak_mb(&self) -> f64 {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process)).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("Linux says so");
        let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kib * 1_024.0 / 1_000_000.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        // A server that hangs is the watchdog's.
        let _ = self.watchdog.wait();
    }
}

/// Where cargo puts it: beside the runner, one above the benches.
fn program() -> PathBuf {
    let own = env::current_exe().expect("it runs");
    let folder = own.parent().expect("a folder");
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    Path::new(folder).join("sk-tickets-server")
}
