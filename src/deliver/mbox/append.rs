//! Adding messages at the end: prepared under the lock, promised, written, made durable; taken back when that fails.

use std::io::{self, Read as _, Write};
use std::sync::Arc;

use super::super::TargetError;
use super::super::parcel::{Outcome, Parcel, Prepared};
use super::witness::{FileReader, Measure, Measured, Window, Witness};
use super::{Mbox, MboxError, archive, codec};
use crate::host::{FileIdentity, SharedFile};
use crate::model::{Octets, Promise};

/// Messages that are about to be added to an mbox that is locked.
pub(super) struct Append<'t> {
    mbox: &'t Mbox<'t>,
    parcels: &'t [Parcel<'t>],
    file: Box<dyn SharedFile>,
    /// The file before.
    before: FileIdentity,
    promises: Vec<Promise>,
    /// What is promised in all.
    octets: u64,
}

impl<'t> Append<'t> {
    pub(super) fn prepare(mbox: &'t Mbox<'_>, parcels: &'t [Parcel<'t>]) -> Result<Self, TargetError> {
        // Before the lock: other programs shall not wait for it.
        let measured = mbox.pieces(parcels).map(|piece| measure(mbox, piece)).collect::<Result<Vec<_>, _>>()?;
        let mut file = mbox.open(true)?;
        mbox.sync_folder()?;
        mbox.check_kind(&*file)?;
        mbox.check_end(&*file)?;
        let (before, mut window) = mbox.complete(&mut *file)?;
        let mut promises = Vec::with_capacity(parcels.len());
        let mut offset = before.octets.0;
        for (piece, measured) in mbox.pieces(parcels).zip(&measured) {
            let promise = Promise::Range {
                device: before.device,
                inode: before.inode,
                offset: Octets(offset),
                octets: measured.octets,
                hash: Witness { before: window.half(), octets: measured.half }.to_digest(),
                dialect: mbox.target.dialect,
            };
            promises.extend(piece.iter().map(|_| promise.clone()));
            offset += measured.octets.0;
            window.slide(measured.end.octets());
        }
        Ok(Self { mbox, parcels, file, before, promises, octets: offset - before.octets.0 })
    }

    /// Writes all of it; `written` tells how much of it the file has.
    fn write(&mut self, written: &mut u64) -> Result<(), TargetError> {
        let mut end = End { file: &mut *self.file, written };
        for piece in self.mbox.pieces(self.parcels) {
            self.mbox.write(piece.iter(), self.mbox.target.dialect, &mut end)?;
        }
        if *written != self.octets {
            return Err(MboxError::Unsteady(self.mbox.path().to_owned()).into());
        }
        Ok(())
    }

    /// Whether nobody else wrote to the file since it was prepared.
    fn is_undisturbed(&self, written: u64) -> bool {
        self.file.identity().is_ok_and(|now| now.octets.0 == self.before.octets.0 + written)
    }

    /// Cuts off what was written, so that nothing is ever glued to a fragment.
    fn take_back(&mut self, written: u64, error: TargetError) -> Vec<Outcome> {
        let path = || self.mbox.path().to_owned();
        let source = Arc::new(error);
        if !self.is_undisturbed(written) {
            return self.each(|| Outcome::InDoubt(MboxError::Disturbed(path()).into()));
        }
        if self.file.truncate(self.before.octets).and_then(|()| self.file.sync()).is_err() {
            let left = || MboxError::LeftUnfinished { path: path(), source: Arc::clone(&source) };
            return self.each(|| Outcome::InDoubt(left().into()));
        }
        self.each(|| Outcome::Refused(MboxError::NotAppended { path: path(), source: Arc::clone(&source) }.into()))
    }

    fn each(&self, outcome: impl Fn() -> Outcome) -> Vec<Outcome> {
        self.parcels.iter().map(|_| outcome()).collect()
    }
}

impl Prepared for Append<'_> {
    fn promises(&self) -> Vec<Promise> {
        self.promises.clone()
    }

    fn perform(mut self: Box<Self>) -> Vec<Outcome> {
        let mut written = 0;
        if let Err(error) = self.write(&mut written) {
            return self.take_back(written, error);
        }
        if let Err(error) = self.file.sync() {
            let error = Arc::new(TargetError::io("sync", self.mbox.path())(error));
            return self.each(|| Outcome::Untrusted(Arc::clone(&error)));
        }
        if !self.is_undisturbed(written) {
            return self.each(|| Outcome::InDoubt(MboxError::Disturbed(self.mbox.path().to_owned()).into()));
        }
        self.each(|| Outcome::Delivered)
    }
}

fn measure(mbox: &Mbox<'_>, piece: &[Parcel<'_>]) -> Result<Measured, TargetError> {
    let mut measure = Measure::default();
    mbox.write(piece.iter(), mbox.target.dialect, &mut measure)?;
    Ok(measure.finish())
}

impl Mbox<'_> {
    /// Ends the last message of the file with an empty line, durably, where that is missing.
    pub(super) fn complete(&self, file: &mut dyn SharedFile) -> Result<(FileIdentity, Window), TargetError> {
        let failed = |doing| TargetError::io(doing, self.path());
        let found = file.identity().map_err(failed("look at"))?;
        let mut window = Window::read(file, found.octets).map_err(failed("read"))?;
        let missing = window.missing_line_ends();
        if self.target.compression.is_some() || missing.is_empty() {
            return Ok((found, window));
        }
        let mut written = 0;
        End { file, written: &mut written }.write_all(missing).map_err(failed("write"))?;
        file.sync().map_err(failed("sync"))?;
        window.slide(missing);
        let now = file.identity().map_err(failed("look at"))?;
        if now.octets != Octets(found.octets.0 + written) {
            return Err(MboxError::Disturbed(self.path().to_owned()).into());
        }
        Ok((now, window))
    }

    /// Mail is not added to a file that is something else.
    fn check_kind(&self, file: &dyn SharedFile) -> Result<(), TargetError> {
        let mut start = Vec::new();
        let mut reader = FileReader { file, at: 0 }.take(codec::FROM.len() as u64);
        reader.read_to_end(&mut start).map_err(TargetError::io("read", self.path()))?;
        let (is_one, is) = match self.target.compression {
            // Zeros are what a power cut may leave of a first message to which others were added since.
            None => (start == codec::FROM || start.starts_with(b"\0"), "an mbox: it does not begin with `From `"),
            Some(compression) => (archive::is_begun_by(compression, &start), "compressed as its name says"),
        };
        if start.is_empty() || is_one {
            return Ok(());
        }
        Err(MboxError::SomethingElse { path: self.path().to_owned(), is }.into())
    }

    /// Nothing is added behind the damaged end of an archive, where no program would read it. One that does not end with
    /// the mark is read through.
    fn check_end(&self, file: &dyn SharedFile) -> Result<(), TargetError> {
        let Some(compression) = self.target.compression else { return Ok(()) };
        let failed = || TargetError::io("read", self.path());
        let mark = archive::end_mark(compression);
        let octets = file.identity().map_err(failed())?.octets.0;
        let mut end = Vec::new();
        FileReader { file, at: octets.saturating_sub(mark.len() as u64) }.read_to_end(&mut end).map_err(failed())?;
        if end.is_empty() || end == mark {
            return Ok(());
        }
        let mut content = archive::reader(compression, FileReader { file, at: 0 }).map_err(failed())?;
        match io::copy(&mut content, &mut io::sink()) {
            Err(error) if archive::is_damage(&error) => Err(MboxError::Damaged(self.path().to_owned()).into()),
            result => result.map(drop).map_err(failed()),
        }
    }
}

/// The end of a file.
struct End<'f> {
    file: &'f mut dyn SharedFile,
    /// The octets that the file took.
    written: &'f mut u64,
}

impl Write for End<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let count = self.file.append(octets)?;
        *self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
