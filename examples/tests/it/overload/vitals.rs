use std::fs;

pub(crate) const MIB: u64 = 1024 * 1024;

/// What a process needs, as Linux tells it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vitals {
    /// How much memory it has now, in bytes.
    pub(crate) resident: u64,
    /// How much it had at most.
    pub(crate) most_resident: u64,
    /// How many files and sockets it has open.
    pub(crate) descriptors: usize,
}

impl Vitals {
    pub(crate) fn of(process: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{process}/status")).expect("Linux, and it runs");
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("it is told");
            line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
        };
        let descriptors = fs::read_dir(format!("/proc/{process}/fd")).expect("ours").count();
        Self { resident: bytes("VmRSS:"), most_resident: bytes("VmHWM:"), descriptors }
    }
}
