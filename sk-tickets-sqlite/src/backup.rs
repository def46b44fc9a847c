//! Copies of the whole database.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use sk_tickets_core::store::{self, StoreError};

use crate::{
    connect,
    error::{Fault, Result},
    options::SqliteOptions,
    store::SqliteStore,
};

impl SqliteStore {
    /// Copies the database into a new file at `path`, as it is at one moment: whatever was acknowledged before is in it.
    ///
    /// Others may read and write meanwhile, in this process and in others. The copy appears under its name when it is
    /// whole and on the disk; it is compact, and can be opened like any database.
    ///
    /// # Errors
    /// If there is a file at `path`, which is never overwritten, or if it cannot be written.
    pub async fn backup(&self, path: impl AsRef<Path>) -> store::Result<()> {
        const CONTEXT: &str = "back up the database";
        let (from, to) = (self.inner.path.clone(), path.as_ref().to_owned());
        let copying = tokio::task::spawn_blocking(move || copy(&from, &to));
        match copying.await {
            Ok(copied) => copied.map_err(|fault| fault.during(CONTEXT)),
            Err(error) => Err(StoreError::internal(CONTEXT).caused_by(error)),
        }
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if to.try_exists()? {
        return Err(io::Error::from(io::ErrorKind::AlreadyExists).into());
    }
    let partial = Partial::new(to)?;
    let name = partial.0.to_str().ok_or(Fault::Broken("SQLite takes paths in UTF-8 only"))?;
    // Of one snapshot, so that writers neither wait for it nor disturb it.
    connect::writer(&SqliteOptions::new(from))?
        .maintain(|connection| Ok(connection.execute("VACUUM INTO ?1", [name]).map(|_| ())?))?;
    File::open(&partial.0)?.sync_all()?;
    // Unlike a rename it takes no other file's place.
    fs::hard_link(&partial.0, to)?;
    drop(partial);
    sync_folder(to)
}

/// The copy until it is whole; removed in the end, whatever happens.
struct Partial(PathBuf);

impl Partial {
    fn new(to: &Path) -> Result<Self> {
        let mut name = OsString::from(to);
        name.push(".partial");
        let path = PathBuf::from(name);
        // Whoever makes it has it; SQLite takes an empty file for none.
        File::create_new(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(%error, path = %self.0.display(), "a file could not be removed");
        }
    }
}

/// Makes the names in a file's folder durable, where a folder can be opened.
#[cfg(unix)]
fn sync_folder(file: &Path) -> Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(File::open(folder)?.sync_all()?)
}

/// Names are durable without it.
#[cfg(not(unix))]
fn sync_folder(_file: &Path) -> Result<()> {
    Ok(())
}
