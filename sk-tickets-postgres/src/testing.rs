//! A throw-away PostgreSQL cluster, for tests.

use std::{
    fs,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    ops::Range,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// A PostgreSQL server in a temporary folder, on a free port of the loopback interface.
///
/// It lives no longer than the process that started it, however that ends: a watchdog holds the other end of a pipe, and
/// stops the server and removes the folder once the pipe is closed.
#[derive(Debug)]
pub struct Cluster {
    port: u16,
    folder: PathBuf,
    binaries: PathBuf,
    databases: AtomicU32,
    watchdog: Child,
    /// Each line starts the server. Closed with the process, at the latest.
    lifeline: Option<ChildStdin>,
}

const OLDEST: u32 = 15;
const PATIENCE: Duration = Duration::from_secs(60);
/// Below the ports that systems give to connections and to whoever asks for any port (Linux from 32768 on, others from
/// 49152 on).
const PORTS: Range<u16> = 10_000..32_768;
/// As many as one process is likely to take.
const PORTS_OF_A_PROCESS: u32 = 64;
/// The superuser of the cluster.
const SUPERUSER: &str = "postgres";

/// Starts the server with each line that comes, once the one before has ended, and stops it when nobody holds the pipe any
/// more.
const WATCHDOG: &str = r#"
trap '' HUP INT TERM
server=
while read -r _; do
    [ -z "$server" ] || wait "$server"
    "$1/postgres" -D "$2" <&- >>"$2/log" 2>&1 &
    server=$!
done
kill -QUIT "$server" 2>/dev/null
wait "$server"
rm -rf "$2"
"#;

impl Cluster {
    /// The cluster that all tests of this process share, started when first asked for.
    ///
    /// # Panics
    /// If there is no PostgreSQL of version 15 or later on this machine, or if it does not start. A test that cannot run
    /// has failed: it is not skipped.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| match Self::start() {
            Ok(cluster) => cluster,
            Err(error) => panic!("no PostgreSQL for tests: {error}"),
        })
    }

    /// Starts a cluster of its own, without durability; it is stopped when this is dropped.
    ///
    /// # Errors
    /// If there is no PostgreSQL of version 15 or later on this machine, or if it does not start.
    pub fn start() -> io::Result<Self> {
        Self::start_with(HASTE)
    }

    /// Starts a cluster of its own that keeps what it has acknowledged, to be [crashed](Self::crash).
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_durable() -> io::Result<Self> {
        Self::start_with("")
    }

    fn start_with(settings: &str) -> io::Result<Self> {
        let binaries = binaries()?;
        let account = account()?;
        let folder = tempfile::Builder::new().prefix("sk-tickets-postgres-").tempdir()?.keep();
        if let Some((user, group)) = account {
            chown(&folder, Some(user), Some(group))?;
        }
        let made = as_account(&mut Command::new(binaries.join("initdb")), account)
            .args(["--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync", "--username", SUPERUSER, "-D"])
            .arg(&folder)
            .current_dir("/")
            .output()?;
        if !made.status.success() {
            let _ = fs::remove_dir_all(&folder);
            return Err(io::Error::other(format!("initdb failed: {}", String::from_utf8_lossy(&made.stderr))));
        }
        let port = free_port()?;
        configure(&folder, &binaries, port, settings)?;

        let mut watchdog = as_account(&mut Command::new("sh"), account)
            .args(["-c", WATCHDOG, "watchdog"])
            .args([&binaries, &folder])
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Out of reach of what a terminal sends to the tests.
            .process_group(0)
            .spawn()?;
        let lifeline = watchdog.stdin.take();
        let cluster = Self { port, folder, binaries, databases: AtomicU32::new(0), watchdog, lifeline };
        cluster.start_again()?;
        Ok(cluster)
    }

    /// Kills the server and every process of it at once, as if the machine had stopped but for what the system has yet to
    /// write to its disks.
    ///
    /// # Errors
    /// If it does not run, or does not die.
    pub fn crash(&self) -> io::Result<()> {
        let status = fs::read_to_string(self.folder.join("postmaster.pid"))?;
        let server = status.lines().next().and_then(|line| line.trim().parse().ok());
        let server: u32 = server.ok_or_else(|| io::Error::other("the server does not say what process it is"))?;
        // Or it would start others in their place.
        signal("STOP", &[server])?;
        let processes = [vec![server], children(server)?].concat();
        signal("KILL", &processes)?;
        let begun = Instant::now();
        while processes.iter().any(|process| is_alive(*process)) {
            if begun.elapsed() > PATIENCE {
                return Err(io::Error::other("the server does not die"));
            }
            thread::sleep(Duration::from_millis(5));
        }
        fs::remove_file(self.folder.join("postmaster.pid"))
    }

    /// Starts the server after it was [killed](Self::crash), on the same folder and port.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start_again(&self) -> io::Result<()> {
        let mut lifeline = self.lifeline.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
        lifeline.write_all(b"start\n")?;
        self.wait_until_ready()
    }

    fn wait_until_ready(&self) -> io::Result<()> {
        let begun = Instant::now();
        loop {
            // The file is written once connections are taken.
            let ready = fs::read_to_string(self.folder.join("postmaster.pid"))
                .is_ok_and(|status| status.lines().any(|line| line.trim() == "ready"));
            if ready && TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                return Err(io::Error::other(format!("the server did not start: {}", self.log())));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The URL of a database, for a role that may log in.
    #[must_use]
    pub fn url(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes an empty database; answers its URL, for the superuser.
    ///
    /// # Panics
    /// If it cannot be made.
    pub async fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let made = async {
            let mut connection = PgConnection::connect(&self.url(SUPERUSER, "postgres")).await?;
            connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await?;
            connection.close().await
        };
        match made.await {
            Ok(()) => self.url(SUPERUSER, &name),
            Err(error) => panic!("a database cannot be made: {error}"),
        }
    }

    /// Runs a statement as the superuser, on a database of this cluster; answers how many rows it gave or touched.
    ///
    /// # Panics
    /// If it fails.
    pub async fn execute(&self, url: &str, sql: &str) -> u64 {
        let executed = async {
            let mut connection = PgConnection::connect(url).await?;
            let result = connection.execute(AssertSqlSafe(sql.to_owned())).await?;
            connection.close().await?;
            Ok::<_, sqlx::Error>(result.rows_affected())
        };
        match executed.await {
            Ok(rows) => rows,
            Err(error) => panic!("{sql}: {error}"),
        }
    }

    /// The program of this name that came with the server, such as `pg_dump`.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.binaries.join(name)
    }

    /// What the server has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let _ = self.watchdog.wait();
    }
}

/// Tests begin with an empty database, so none needs what was written before a crash.
const HASTE: &str = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n";

fn configure(folder: &Path, binaries: &Path, port: u16, settings: &str) -> io::Result<()> {
    // Where it was installed, to count statements with.
    let extension = binaries.join("../lib/pg_stat_statements.so").exists();
    let preload = if extension { "pg_stat_statements" } else { "" };
    let all = format!(
        "\nlisten_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\nmax_connections = 400\n\
         shared_preload_libraries = '{preload}'\n{settings}",
        folder.display()
    );
    let path = folder.join("postgresql.conf");
    let before = fs::read_to_string(&path)?;
    fs::write(path, before + &all)
}

/// Sends a signal; who has ended meanwhile need not get it.
fn signal(name: &str, processes: &[u32]) -> io::Result<()> {
    for process in processes {
        Command::new("kill").args(["-s", name, &process.to_string()]).stderr(Stdio::null()).status()?;
    }
    Ok(())
}

/// The state of a process and who has started it; none once it is gone.
fn stat(process: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before it can have anything in it.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

/// Whether a process runs; one whose end nobody has asked for yet does not.
fn is_alive(process: u32) -> bool {
    stat(process).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

fn children(parent: u32) -> io::Result<Vec<u32>> {
    let processes = fs::read_dir("/proc")?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(processes.filter(|process| stat(*process).is_some_and(|(_, started_by)| started_by == parent)).collect())
}

/// A port of the loopback interface that nobody listens at, for a server that is started there later, or stopped and
/// started again.
///
/// No other program gets it meanwhile by asking for any port, and each process takes its own from another place. None is
/// answered twice by a process.
///
/// # Errors
/// If all are taken.
pub fn free_port() -> io::Result<u16> {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(PORTS_OF_A_PROCESS);
    let count = u32::from(PORTS.end - PORTS.start);
    loop {
        let tried = TRIED.fetch_add(1, Ordering::Relaxed);
        if tried >= count {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "no port is free"));
        }
        let place = u16::try_from(first.wrapping_add(tried) % count).map_err(io::Error::other)?;
        let port = PORTS.start + place;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
}

/// The folder of the newest server that is new enough.
fn binaries() -> io::Result<PathBuf> {
    let installed =
        fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let candidates = installed.chain(std::env::split_paths(&path));
    // Where a link leads: everything else that was installed lies there too.
    let real = candidates.filter_map(|folder| fs::canonicalize(folder.join("postgres")).ok());
    let newest = real.filter_map(|postgres| Some((version(&postgres)?, postgres.parent()?.to_owned()))).max();
    match newest {
        Some((version, folder)) if version >= OLDEST => Ok(folder),
        _ => Err(io::Error::new(
            io::ErrorKind::NotFound,
            "no server of version 15 or later was found; on Debian and Ubuntu: apt-get install postgresql",
        )),
    }
}

/// The major version, if it is a server and `initdb` lies beside it.
fn version(postgres: &Path) -> Option<u32> {
    if !postgres.with_file_name("initdb").exists() {
        return None;
    }
    let mut said = String::new();
    let mut asked =
        Command::new(postgres).arg("--version").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    asked.stdout.take()?.read_to_string(&mut said).ok()?;
    asked.wait().ok()?;
    let number = said.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The account to run the server with, if it cannot be this one: PostgreSQL does not run as root.
fn account() -> io::Result<Option<(u32, u32)>> {
    let own = fs::metadata("/proc/self").map(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata))?;
    if own != 0 {
        return Ok(None);
    }
    let accounts = fs::read_to_string("/etc/passwd")?;
    let find = |wanted: &str| {
        let mut fields = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let fields = fields.find(|fields| fields.first() == Some(&wanted))?;
        Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
    };
    let account = find("postgres").or_else(|| find("nobody"));
    account
        .map(Some)
        .ok_or_else(|| io::Error::other("root has no account `postgres` or `nobody` to run the server with"))
}

fn as_account(command: &mut Command, account: Option<(u32, u32)>) -> &mut Command {
    match account {
        Some((user, group)) => command.gid(group).uid(user),
        None => command,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[tokio::test]
    async fn what_was_acknowledged_is_there_after_a_crash() {
        let cluster = Cluster::start_durable().unwrap();
        let url = cluster.database().await;
        cluster.execute(&url, "CREATE TABLE kept AS SELECT generate_series(1, 3)").await;
        cluster.crash().unwrap();
        assert!(TcpStream::connect(("127.0.0.1", cluster.port)).is_err());
        cluster.start_again().unwrap();
        assert_eq!(cluster.execute(&url, "SELECT FROM kept").await, 3);
        assert!(cluster.log().contains("was not properly shut down"));
    }

    #[test]
    fn each_port_is_another_one_and_below_those_of_the_system() {
        let ports: BTreeSet<_> = (0..20).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.len(), 20);
        assert!(ports.iter().all(|port| PORTS.contains(port)), "{ports:?}");
    }
}
