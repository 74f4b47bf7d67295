//! The making of a HiPS over several runs: what was begun is finished, what was there is not lost.
//!
//! ```text
//! NAME                     the HiPS, once it is whole
//! .NAME.skymosaic-part     where it is made, with the file of the job
//! .NAME.skymosaic-old      the one that is being replaced, between two renames
//! ```
//!
//! Where images are added to a HiPS, its files are first linked to the folder in which the new one is made.

use std::{
    ffi::OsString,
    fs::{self, File, TryLockError},
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use super::{
    options::{HipsExisting, HipsOptions},
    picture::HipsCuts,
    sums::FOLDER,
    tree::Tree,
};
use crate::{AtomicFile, Error, Input, Options, Plan};

/// What the job was, in the folder where the HiPS is made and until all traces of the making are gone.
const JOB: &str = ".skymosaic-job";
/// Is there when all files are made, and only those that are not kept have to go.
const MADE: &str = ".skymosaic-made";

/// In the folder of sums: what the HiPS was made of.
const MADE_OF: &str = "made-of.json";

/// A HiPS that is being made.
pub(super) struct Job {
    target: PathBuf,
    part: PathBuf,
    old: PathBuf,
    description: Value,
    /// Locked as long as this process is at it.
    _lock: File,
}

impl Job {
    /// Begins a job or goes on with it.
    pub(super) fn begin(dir: &Path, plan: &Plan<'_>, hips: &HipsOptions, order: u8) -> Result<Job, Error> {
        let target = AtomicFile::resolve(dir)?;
        let (part, old) = (beside(&target, ".skymosaic-part"), beside(&target, ".skymosaic-old"));
        let refuse = |path: &Path, problem: &str| Error::Output { path: path.to_owned(), problem: problem.to_owned() };
        let mut description = describe(plan, hips, order);
        let found = match fs::read_dir(&target) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(refuse(dir, "is a file; a HiPS is a folder"));
            }
            listed => listed.map_err(|error| Error::io(dir, "list", error))?.count(),
        };
        match found {
            0 => {}
            _ if !target.join("properties").is_file() => {
                return Err(refuse(
                    dir,
                    "is a folder with other files than those of a HiPS; choose a new or empty one",
                ));
            }
            _ if hips.existing == HipsExisting::Append => description = added(&target, description)?,
            _ if hips.existing != HipsExisting::Overwrite => {
                return Err(refuse(dir, "has a HiPS already; ask to overwrite it to replace it"));
            }
            _ => {}
        }
        if found == 0 && hips.existing == HipsExisting::Append {
            return Err(refuse(dir, "has no HiPS that images could be added to"));
        }
        let begun = part.join(JOB);
        match fs::read_to_string(&begun) {
            Ok(text) if matches!(hips.existing, HipsExisting::Resume | HipsExisting::Append) => {
                let known: Value = serde_json::from_str(&text).unwrap_or_default();
                let differ = ["skymosaic", "hips", "options", "inputs"]
                    .into_iter()
                    .find(|key| known.get(key) != description.get(key));
                if let Some(key) = differ {
                    let problem = format!(
                        "was begun with other {key} and cannot be resumed; use the same, or delete that folder"
                    );
                    return Err(refuse(&part, &problem));
                }
                description = known;
            }
            Ok(_) => {
                return Err(refuse(&part, "has an unfinished HiPS: resume it, or delete that folder"));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(&part).map_err(|error| Error::io(&part, "create", error))?;
                if hips.existing == HipsExisting::Append {
                    let pictures = matches!(hips.cuts, HipsCuts::Values(_));
                    link_all(&target, &part, pictures)?;
                }
                let file = AtomicFile::create(&begun, true)?;
                file.file()
                    .write_all(description.to_string().as_bytes())
                    .map_err(|error| Error::io(&begun, "write", error))?;
                file.publish()?;
            }
            Err(error) => return Err(Error::io(&begun, "read", error)),
        }
        let lock = File::open(&begun).map_err(|error| Error::io(&begun, "open", error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let problem = "another process makes this HiPS; wait until it is done".to_owned();
                return Err(Error::InUse { path: part, problem });
            }
            Err(TryLockError::Error(error)) => return Err(Error::io(&begun, "lock", error)),
        }
        Ok(Job { target, part, old, description, _lock: lock })
    }

    /// The folder where the HiPS of a folder is made. Finishes first what a killed process has left between the renames at its end.
    pub(super) fn folder_for(dir: &Path) -> Result<PathBuf, Error> {
        let target = AtomicFile::resolve(dir)?;
        recover(&target, &beside(&target, ".skymosaic-old"))?;
        Ok(beside(&target, ".skymosaic-part"))
    }

    /// When it was begun, in seconds of Unix time.
    pub(super) fn created(&self) -> u64 {
        self.description.get("created").and_then(Value::as_u64).unwrap_or(0)
    }

    /// When images were added last, in seconds of Unix time.
    pub(super) fn released(&self) -> u64 {
        self.description.get("released").and_then(Value::as_u64).unwrap_or(0)
    }

    /// How many images the HiPS is made of.
    pub(super) fn inputs(&self) -> usize {
        self.description.get("inputs").and_then(Value::as_array).map_or(0, Vec::len)
    }

    /// Writes down, beside the sums, what the HiPS is made of.
    pub(super) fn write_made_of(&self, tree: &Tree) -> Result<(), Error> {
        tree.write(Path::new(FOLDER).join(MADE_OF), self.description.to_string().as_bytes())
    }

    pub(super) fn is_made(&self) -> bool {
        self.part.join(MADE).exists()
    }

    pub(super) fn set_made(&self) -> Result<(), Error> {
        let path = self.part.join(MADE);
        fs::write(&path, "").map_err(|error| Error::io(&path, "write", error))
    }

    /// Waits until all files are on the disk, and gives the folder its name.
    pub(super) fn publish(self) -> Result<(), Error> {
        let io = |path: &Path, action: &'static str| {
            let path = path.to_owned();
            move |error| Error::io(&path, action, error)
        };
        sync(&self.part).map_err(io(&self.part, "write it to the disk"))?;
        if self.target.join("properties").exists() {
            fs::rename(&self.target, &self.old).map_err(io(&self.target, "put it aside"))?;
        }
        fs::rename(&self.part, &self.target).map_err(io(&self.target, "name the finished folder"))?;
        recover(&self.target, &self.old)
    }
}

/// A hidden path in the same folder.
fn beside(target: &Path, what: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(what);
    target.with_file_name(name)
}

/// Finishes what a killed process has left between the renames at its end.
fn recover(target: &Path, old: &Path) -> Result<(), Error> {
    let job = target.join(JOB);
    match (old.exists(), job.exists()) {
        (true, true) => fs::remove_dir_all(old).map_err(|error| Error::io(old, "remove", error))?,
        (true, false) if !target.exists() => {
            return fs::rename(old, target).map_err(|error| Error::io(old, "put it back", error));
        }
        _ => {}
    }
    for path in [target.join(MADE), job] {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound && error.kind() != io::ErrorKind::NotADirectory => {
                return Err(Error::io(&path, "remove", error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Waits until the files in a folder are on the disk.
fn sync(folder: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::fs::syncfs(File::open(folder)?)?;
    #[cfg(not(target_os = "linux"))]
    {
        let _ = folder;
        rustix::fs::sync();
    }
    Ok(())
}

/// What changes the bytes of a HiPS, to be recognised when it is resumed.
fn describe(plan: &Plan<'_>, hips: &HipsOptions, order: u8) -> Value {
    let Options {
        resample, flux, antialias, combine, missing, exclude_bits, match_background, coordinate_error, ..
    } = plan.options();
    let appendable = hips.keeps_sums();
    let hips = HipsOptions { existing: HipsExisting::Refuse, order: Some(order), appendable, ..hips.clone() };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    json!({
        "skymosaic": env!("CARGO_PKG_VERSION"),
        "created": now,
        "released": now,
        "hips": format!("{hips:?}"),
        "options": format!(
            "{:?}",
            (resample, flux, antialias, combine, missing, exclude_bits, match_background, coordinate_error)
        ),
        "inputs": plan.inputs().iter().map(input).collect::<Vec<_>>(),
    })
}

/// What the HiPS of a folder is made of once the inputs of a job have been added to it.
fn added(target: &Path, mut job: Value) -> Result<Value, Error> {
    let refuse = |problem: String| Err(Error::Output { path: target.to_owned(), problem });
    let path = target.join(FOLDER).join(MADE_OF);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return refuse("was not made to be added to: it has no sums (make it anew as appendable)".to_owned());
        }
        read => read.map_err(|error| Error::io(&path, "read", error))?,
    };
    let known: Value = serde_json::from_str(&text).unwrap_or_default();
    let differs = ["skymosaic", "hips", "options"].into_iter().find(|key| known.get(key) != job.get(key));
    if let Some(key) = differs {
        let was = known.get(key).and_then(Value::as_str).unwrap_or("(unknown)");
        return refuse(format!("was made with other {key}, and cannot be added to with these: {was}"));
    }
    let list = |value: &Value| value.get("inputs").and_then(Value::as_array).cloned().unwrap_or_default();
    let (mut all, new) = (list(&known), list(&job));
    let again = new.iter().find(|input| !input["file"].is_null() && all.contains(input));
    if let Some(again) = again {
        return refuse(format!("has {} in it already", again["name"]));
    }
    all.extend(new);
    if let (Some(job), Some(created)) = (job.as_object_mut(), known.get("created")) {
        job.insert("inputs".to_owned(), Value::Array(all));
        job.insert("created".to_owned(), created.clone());
    }
    Ok(job)
}

/// Links all files of a HiPS to another folder, pictures only if they stay as they are.
fn link_all(from: &Path, to: &Path, pictures: bool) -> Result<(), Error> {
    let io = |path: &Path, action: &'static str| {
        let path = path.to_owned();
        move |error| Error::io(&path, action, error)
    };
    for entry in fs::read_dir(from).map_err(io(from, "list"))? {
        let entry = entry.map_err(io(from, "list"))?.path();
        let place = to.join(entry.file_name().unwrap_or_default());
        if entry.is_dir() {
            fs::create_dir_all(&place).map_err(io(&place, "create"))?;
            link_all(&entry, &place, pictures)?;
            continue;
        }
        let stays = entry.extension().is_some_and(|extension| extension == "fits");
        if stays || pictures {
            match fs::hard_link(&entry, &place) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                // Not every file system has links.
                Err(_) => fs::copy(&entry, &place).map(drop).map_err(io(&place, "copy"))?,
                Ok(()) => {}
            }
        }
    }
    Ok(())
}

/// An input, as far as it can be told from others: of files also their size and time.
fn input(input: &Input<'_>) -> Value {
    let state = |path: &Path| {
        let found = fs::metadata(path).ok()?;
        Some(json!([path.to_string_lossy(), found.size(), found.mtime(), found.mtime_nsec()]))
    };
    json!({
        "name": input.name(),
        "file": input.file().and_then(|(path, _)| state(path)),
        "weights": input.weights_file().flatten().and_then(state),
        "shape": input.shape(),
        "scale": input.scale(),
        "sky": input.sky(),
        "exposure": input.exposure(),
    })
}
