//! Rows under text keys, in order, in memory; every change in a file before it counts.
//!
//! The file has a line for each batch: a checksum and the rows as JSON. A line that was cut off by a crash was never
//! acknowledged and is dropped when the file is read again.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// The rows and the file behind them.
#[derive(Debug)]
pub(crate) struct Journal {
    rows: BTreeMap<String, Value>,
    path: PathBuf,
    file: File,
    /// How much of the file is whole; none when that is no longer known.
    whole: Option<u64>,
}

/// Rows to be written together.
#[derive(Debug, Default)]
pub(crate) struct Batch(BTreeMap<String, Value>);

impl Batch {
    pub(crate) fn put(&mut self, key: String, row: &impl Serialize) -> io::Result<()> {
        self.0.insert(key, serde_json::to_value(row)?);
        Ok(())
    }

    /// Takes a row away. In the file a row that is gone is null.
    pub(crate) fn remove(&mut self, key: String) {
        self.0.insert(key, Value::Null);
    }

    fn apply_to(self, rows: &mut BTreeMap<String, Value>) {
        for (key, row) in self.0 {
            if row.is_null() {
                rows.remove(&key);
            } else {
                rows.insert(key, row);
            }
        }
    }
}

impl Journal {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let mut rows = BTreeMap::new();
        let mut whole = 0;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let Some(batch) = read_line(line) else { break };
            batch.apply_to(&mut rows);
            whole += line.len() as u64;
        }
        file.set_len(whole)?;
        file.seek(SeekFrom::Start(whole))?;
        file.sync_all()?;
        Ok(Self { rows, path: path.to_owned(), file, whole: Some(whole) })
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, key: &str) -> io::Result<Option<T>> {
        Ok(self.rows.get(key).map(T::deserialize).transpose()?)
    }

    /// The rows whose keys begin with `prefix`, in order of their keys.
    pub(crate) fn scan<'a, T: DeserializeOwned + 'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl DoubleEndedIterator<Item = io::Result<T>> + 'a {
        let beyond = format!("{prefix}\u{10FFFF}");
        self.rows.range(prefix.to_owned()..beyond).map(|(_, row)| Ok(T::deserialize(row)?))
    }

    /// Every key, in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.rows.keys().map(String::as_str)
    }

    /// The rows whose keys are picked, of all there are.
    pub(crate) fn pick<T: DeserializeOwned>(&self, is_picked: impl Fn(&str) -> bool) -> io::Result<Vec<T>> {
        let picked = self.rows.iter().filter(|(key, _)| is_picked(key));
        picked.map(|(_, row)| Ok(T::deserialize(row)?)).collect()
    }

    /// Writes a batch: when this has answered, all of it survives a crash; after an error nothing of it counts.
    pub(crate) fn write(&mut self, batch: Batch) -> io::Result<()> {
        let whole = self.whole.ok_or_else(|| io::Error::other("the end of the journal is not known"))?;
        let line = line(&batch.0)?;
        if let Err(error) = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data()) {
            // What may have been written is taken back; if that fails too, nothing more is written.
            let back = self.file.set_len(whole).and_then(|()| self.file.seek(SeekFrom::Start(whole)));
            self.whole = back.ok();
            return Err(error);
        }
        self.whole = Some(whole + line.len() as u64);
        batch.apply_to(&mut self.rows);
        Ok(())
    }

    /// Writes the file anew with one line, so that of rows that were replaced nothing is left in it.
    pub(crate) fn rewrite(&mut self) -> io::Result<()> {
        let fresh = self.path.with_extension("fresh");
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&fresh)?;
        let line = line(&self.rows)?;
        file.write_all(line.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        self.file = file;
        self.whole = Some(line.len() as u64);
        Ok(())
    }
}

/// The line of a batch.
fn line(rows: &BTreeMap<String, Value>) -> io::Result<String> {
    let json = serde_json::to_string(rows)?;
    Ok(format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes())))
}

fn read_line(line: &[u8]) -> Option<Batch> {
    let (checksum, json) = std::str::from_utf8(line).ok()?.strip_suffix('\n')?.split_once(' ')?;
    let matches = u32::from_str_radix(checksum, 16).ok()? == crc32fast::hash(json.as_bytes());
    if matches { serde_json::from_str(json).ok().map(Batch) } else { None }
}
