//! A simulated file system with a volatile and a durable layer.
//!
//! # Fault model
//!
//! - A killed process loses nothing: the volatile layer (the page cache) stays as it is.
//! - A power cut keeps of each file's content what was synced; unsynced content is lost, torn in half, or kept.
//! - Of a file that is written in place (one that other programs write to as well) a power cut may keep the new length
//!   with zeros for the new content, for its first or its last half; of one that was rewritten, the old content, the new
//!   one, or the new one up to its half.
//! - A power cut keeps of the name operations (create, rename, unlink) of each inode a prefix in their order, never
//!   shorter than what a directory sync forced. Operations of different inodes are independent.
//! - Syncing a directory forces the operations whose final name lies in it, and the earlier ones of the same inode.
//! - A rename is one operation; syncing the folder it came from does not force it.
//! - A sync that fails does nothing, and later syncs of the same file or of the same names lie: they succeed and do
//!   nothing either.
//! - A file whose folder did not survive did not survive.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::part::Part;

/// Most power-cut outcomes taken of one state; above it, the extremes and each inode by itself.
const MOST_OUTCOMES: usize = 48;

#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Disk {
    inodes: Part<BTreeMap<u64, Inode>>,
    names: Part<Names>,
    durable_names: Part<Names>,
    pending: Part<Vec<NameOp>>,
    last_inode: u64,
}

/// Paths in the order of their octets: that of `Path` takes each path apart.
type Names = BTreeMap<Arc<OsStr>, u64>;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Inode {
    is_dir: bool,
    data: Arc<Vec<u8>>,
    durable: Option<Arc<Vec<u8>>>,
    /// A sync failed: the pages are called clean, and later syncs succeed without doing anything.
    failed: bool,
    /// Other programs write to it too.
    is_shared: bool,
}

impl Inode {
    fn is_unsynced(&self) -> bool {
        !self.is_dir && self.durable.as_ref() != Some(&self.data) && !(self.data.is_empty() && self.durable.is_none())
    }

    /// What a power cut may leave of the content, what was synced first and all that was written last.
    fn outcomes(&self) -> Vec<Vec<u8>> {
        let durable = self.durable.as_deref().map_or(&[][..], Vec::as_slice);
        let data = self.data.as_slice();
        let same = durable.iter().zip(data).take_while(|(old, new)| old == new).count();
        let half = same + (data.len() - same) / 2;
        let mut outcomes = vec![durable.to_vec(), data[..half].to_vec()];
        if self.is_shared {
            let zeros = |from: usize, to: usize| [&data[..from], &vec![0; to - from][..], &data[to..]].concat();
            outcomes.extend([zeros(same, data.len()), zeros(same, half), zeros(half, data.len())]);
        }
        outcomes.push(data.to_vec());
        outcomes
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct NameOp {
    inode: u64,
    /// A sync of its folder failed: later ones do not force it.
    failed: bool,
    from: Option<Arc<OsStr>>,
    to: Option<Arc<OsStr>>,
}

impl NameOp {
    /// The folder whose sync forces it.
    fn folder(&self) -> Option<&Path> {
        self.to.as_deref().or(self.from.as_deref()).and_then(folder)
    }
}

impl Disk {
    /// A disk with one durable folder.
    pub(crate) fn with_folder(path: &Path) -> Self {
        let mut disk = Self::default();
        for folder in path.ancestors().collect::<Vec<_>>().into_iter().rev() {
            disk.add(folder, true);
        }
        disk.pending.clear();
        disk.durable_names = disk.names.clone();
        disk
    }

    fn add(&mut self, path: &Path, is_dir: bool) -> u64 {
        self.last_inode += 1;
        let inode = self.last_inode;
        let file = Inode { is_dir, data: Arc::default(), durable: None, failed: false, is_shared: false };
        self.inodes.insert(inode, file);
        self.do_op(NameOp { inode, failed: false, from: None, to: Some(path.as_os_str().into()) });
        inode
    }

    pub(crate) fn create(&mut self, path: &Path, is_dir: bool) -> io::Result<u64> {
        if self.names.contains_key(path.as_os_str()) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if !path.parent().is_some_and(|parent| self.names.contains_key(parent.as_os_str())) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(self.add(path, is_dir))
    }

    pub(crate) fn append(&mut self, inode: u64, bytes: &[u8]) {
        let file = self.inodes.get_mut(&inode).expect("an open file has an inode");
        Arc::make_mut(&mut file.data).extend_from_slice(bytes);
    }

    pub(crate) fn truncate(&mut self, inode: u64, length: usize) {
        let file = self.inodes.get_mut(&inode).expect("an open file has an inode");
        Arc::make_mut(&mut file.data).truncate(length);
    }

    pub(crate) fn content(&self, inode: u64) -> Arc<Vec<u8>> {
        Arc::clone(&self.inodes[&inode].data)
    }

    /// Other programs write to a file too.
    pub(crate) fn is_shared(&mut self, inode: u64) {
        self.inodes.get_mut(&inode).expect("an open file has an inode").is_shared = true;
    }

    pub(crate) fn sync_file(&mut self, inode: u64) {
        let file = self.inodes.get_mut(&inode).expect("an open file has an inode");
        if !file.failed {
            file.durable = Some(Arc::clone(&file.data));
        }
    }

    /// A sync of a file fails.
    pub(crate) fn fail_file(&mut self, inode: u64) {
        self.inodes.get_mut(&inode).expect("an open file has an inode").failed = true;
    }

    /// A sync of a folder fails.
    pub(crate) fn fail_dir(&mut self, path: &Path) {
        for op in self.pending.iter_mut() {
            op.failed |= op.folder() == Some(path);
        }
    }

    pub(crate) fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        if !self.names.contains_key(path.as_os_str()) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut forced: BTreeMap<u64, usize> = BTreeMap::new();
        for (at, op) in self.pending.iter().enumerate() {
            if op.folder() == Some(path) && !op.failed {
                forced.insert(op.inode, at);
            }
        }
        let pending = std::mem::take(&mut *self.pending);
        for (at, op) in pending.into_iter().enumerate() {
            if forced.get(&op.inode).is_some_and(|last| at <= *last) {
                apply(&mut self.durable_names, &op);
            } else {
                self.pending.push(op);
            }
        }
        Ok(())
    }

    pub(crate) fn rename(&mut self, from: &Path, to: &Path, replace: bool) -> io::Result<()> {
        let inode = *self.names.get(from.as_os_str()).ok_or(io::ErrorKind::NotFound)?;
        if !replace && self.names.contains_key(to.as_os_str()) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.do_op(NameOp {
            inode,
            failed: false,
            from: Some(from.as_os_str().into()),
            to: Some(to.as_os_str().into()),
        });
        Ok(())
    }

    pub(crate) fn link(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let inode = *self.names.get(from.as_os_str()).ok_or(io::ErrorKind::NotFound)?;
        self.do_op(NameOp { inode, failed: false, from: None, to: Some(to.as_os_str().into()) });
        Ok(())
    }

    pub(crate) fn unlink(&mut self, path: &Path) -> io::Result<()> {
        let inode = *self.names.get(path.as_os_str()).ok_or(io::ErrorKind::NotFound)?;
        self.do_op(NameOp { inode, failed: false, from: Some(path.as_os_str().into()), to: None });
        Ok(())
    }

    fn do_op(&mut self, op: NameOp) {
        apply(&mut self.names, &op);
        self.pending.push(op);
    }

    pub(crate) fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        if !self.names.contains_key(path.as_os_str()) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let within = self.names.keys().filter(|name| folder(name) == Some(path));
        Ok(within.map(PathBuf::from).collect())
    }

    /// The inode, the content and whether it is a folder.
    pub(crate) fn look(&self, path: &Path) -> Option<(u64, Arc<Vec<u8>>, bool)> {
        let inode = *self.names.get(path.as_os_str())?;
        let file = &self.inodes[&inode];
        Some((inode, Arc::clone(&file.data), file.is_dir))
    }

    /// What the files below a folder hold, as a reader sees them now.
    pub(crate) fn contents(&self, folder: &Path) -> Vec<Arc<Vec<u8>>> {
        self.files_below(&self.names, folder).map(|(_, file)| Arc::clone(&file.data)).collect()
    }

    /// What the files below a folder would hold after the worst power cut.
    pub(crate) fn durable_contents(&self, folder: &Path) -> Vec<Arc<Vec<u8>>> {
        self.files_below(&self.durable_names, folder).filter_map(|(_, file)| file.durable.clone()).collect()
    }

    /// What a file would hold after the worst power cut.
    pub(crate) fn durable_content(&self, path: &Path) -> Option<Arc<Vec<u8>>> {
        self.inodes[self.durable_names.get(path.as_os_str())?].durable.clone()
    }

    /// The file names below a folder.
    pub(crate) fn files(&self, folder: &Path) -> Vec<PathBuf> {
        self.files_below(&self.names, folder).map(|(path, _)| path.into()).collect()
    }

    fn files_below<'d>(&'d self, names: &'d Names, folder: &Path) -> impl Iterator<Item = (&'d OsStr, &'d Inode)> {
        let folder = folder.as_os_str().as_encoded_bytes();
        let below =
            move |path: &OsStr| path.as_encoded_bytes().strip_prefix(folder).is_some_and(|rest| rest.starts_with(b"/"));
        let files = names.iter().filter(move |(path, _)| below(path));
        files.map(|(path, inode)| (&**path, &self.inodes[inode])).filter(|(_, file)| !file.is_dir)
    }

    /// A user moves a whole folder, durably.
    pub(crate) fn move_folder(&mut self, from: &Path, to: &Path) {
        let moved = |path: &OsStr| -> Arc<OsStr> {
            Path::new(path)
                .strip_prefix(from)
                .map_or_else(|_| path.into(), |below| join(to, below).into_os_string().into())
        };
        for names in [&mut self.names, &mut self.durable_names] {
            **names = names.iter().map(|(path, inode)| (moved(path), *inode)).collect();
        }
        for op in self.pending.iter_mut() {
            op.from = op.from.as_deref().map(moved);
            op.to = op.to.as_deref().map(moved);
        }
    }

    /// Makes a user's own deletion or move durable at once, with what came before of the same file.
    pub(crate) fn settle_inode(&mut self, path_inode: u64) {
        let pending = std::mem::take(&mut *self.pending);
        for op in pending {
            if op.inode == path_inode {
                apply(&mut self.durable_names, &op);
            } else {
                self.pending.push(op);
            }
        }
    }

    /// Every state that a power cut may leave.
    pub(crate) fn after_power_cut(&self) -> Vec<Self> {
        let choices = self.choices();
        let total = choices.iter().map(Choice::count).try_fold(1_usize, usize::checked_mul).unwrap_or(usize::MAX);
        let picks: Vec<Vec<usize>> = if total <= MOST_OUTCOMES {
            (0..total).map(|n| digits(n, &choices)).collect()
        } else {
            let none = vec![0; choices.len()];
            let all: Vec<usize> = choices.iter().map(|choice| choice.count() - 1).collect();
            let single = (0..choices.len())
                .flat_map(|at| (1..choices[at].count()).map(move |value| (at, value)).collect::<Vec<_>>());
            let singles = single.map(|(at, value)| {
                let mut pick = vec![0; choices.len()];
                pick[at] = value;
                pick
            });
            singles.chain([none, all]).collect()
        };
        let outcomes: BTreeSet<Vec<usize>> = picks.into_iter().collect();
        outcomes.iter().map(|pick| self.resolved(&choices, pick)).collect()
    }

    /// What may be lost or kept: per inode its name operations, and per file its unsynced content.
    fn choices(&self) -> Vec<Choice> {
        let mut per_inode: BTreeMap<u64, usize> = BTreeMap::new();
        for op in &*self.pending {
            *per_inode.entry(op.inode).or_default() += 1;
        }
        let mut choices: Vec<Choice> = per_inode.into_iter().map(|(inode, ops)| Choice::Names { inode, ops }).collect();
        for (inode, file) in &*self.inodes {
            if file.is_unsynced() && self.names.values().any(|named| named == inode) {
                choices.push(Choice::Content { inode: *inode, outcomes: file.outcomes() });
            }
        }
        choices
    }

    fn resolved(&self, choices: &[Choice], pick: &[usize]) -> Self {
        let mut disk = self.clone();
        for (choice, value) in choices.iter().zip(pick) {
            match choice {
                Choice::Names { inode, .. } => {
                    for op in self.pending.iter().filter(|op| op.inode == *inode).take(*value) {
                        apply(&mut disk.durable_names, op);
                    }
                }
                Choice::Content { inode, outcomes } => {
                    let file = disk.inodes.get_mut(inode).expect("the inode was just seen");
                    file.durable = Some(Arc::new(outcomes[*value].clone()));
                }
            }
        }
        disk.pending.clear();
        let mut kept = Names::new();
        for (path, inode) in &*disk.durable_names {
            if folder(path).is_none_or(|folder| kept.contains_key(folder.as_os_str())) {
                kept.insert(Arc::clone(path), *inode);
            }
        }
        let named: BTreeSet<u64> = kept.values().copied().collect();
        disk.inodes.retain(|inode, _| named.contains(inode));
        for file in disk.inodes.values_mut() {
            file.data = file.durable.clone().unwrap_or_default();
            file.durable = Some(Arc::clone(&file.data));
        }
        disk.names = Part::new(kept);
        disk.durable_names = disk.names.clone();
        disk
    }
}

fn folder(path: &OsStr) -> Option<&Path> {
    Path::new(path).parent()
}

/// `Path::join` gives a last slash to what is joined with nothing.
pub(crate) fn join(to: &Path, below: &Path) -> PathBuf {
    if below.as_os_str().is_empty() { to.to_owned() } else { to.join(below) }
}

enum Choice {
    Names { inode: u64, ops: usize },
    Content { inode: u64, outcomes: Vec<Vec<u8>> },
}

impl Choice {
    fn count(&self) -> usize {
        match self {
            Self::Names { ops, .. } => ops + 1,
            Self::Content { outcomes, .. } => outcomes.len(),
        }
    }
}

fn digits(mut number: usize, choices: &[Choice]) -> Vec<usize> {
    let mut digits = Vec::with_capacity(choices.len());
    for choice in choices {
        digits.push(number % choice.count());
        number /= choice.count();
    }
    digits
}

fn apply(names: &mut Names, op: &NameOp) {
    if let Some(from) = &op.from
        && names.get(from) == Some(&op.inode)
    {
        names.remove(from);
    }
    if let Some(to) = &op.to {
        names.insert(Arc::clone(to), op.inode);
    }
}

#[test]
fn a_power_cut_keeps_what_was_synced_and_may_lose_the_rest() {
    let root = Path::new("/d");
    let mut disk = Disk::with_folder(root);
    let file = disk.create(Path::new("/d/a"), false).unwrap();
    disk.append(file, b"abcd");
    let outcomes = disk.after_power_cut();
    assert!(outcomes.iter().any(|disk| disk.files(root).is_empty()));
    assert!(outcomes.iter().any(|disk| disk.contents(root) == [Arc::new(b"ab".to_vec())]));
    disk.sync_file(file);
    disk.sync_dir(root).unwrap();
    for outcome in disk.after_power_cut() {
        assert_eq!(outcome.contents(root), [Arc::new(b"abcd".to_vec())]);
    }
}

#[test]
fn a_rename_is_whole_or_not_and_needs_the_sync_of_its_new_folder() {
    let mut disk = Disk::with_folder(Path::new("/d"));
    for folder in ["/d/tmp", "/d/new"] {
        disk.create(Path::new(folder), true).unwrap();
    }
    disk.create(Path::new("/d/tmp/a"), false).unwrap();
    disk.sync_dir(Path::new("/d")).unwrap();
    disk.sync_dir(Path::new("/d/tmp")).unwrap();
    disk.rename(Path::new("/d/tmp/a"), Path::new("/d/new/a"), false).unwrap();
    disk.sync_dir(Path::new("/d/tmp")).unwrap();
    let names: BTreeSet<_> = disk.after_power_cut().iter().map(|disk| disk.files(Path::new("/d"))).collect();
    assert_eq!(names, BTreeSet::from([vec![PathBuf::from("/d/tmp/a")], vec![PathBuf::from("/d/new/a")]]));
    disk.sync_dir(Path::new("/d/new")).unwrap();
    for outcome in disk.after_power_cut() {
        assert_eq!(outcome.files(Path::new("/d")), [PathBuf::from("/d/new/a")]);
    }
}
