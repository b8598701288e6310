//! What became of messages that were promised: the recovery rules of an append ([`resolve_range`]), under the lock.

use std::io::{self, Read as _, Write};
use std::ops::Range;

use super::super::TargetError;
use super::super::parcel::{Promised, Settled};
use super::codec::CHUNK_OCTETS;
use super::search::{Key, Match, Search};
use super::witness::{FileReader, Window, Witness, half_of_range};
use super::{Mbox, MboxError, archive};
use crate::host::SharedFile;
use crate::model::{Dialect, Octets, Promise};
use crate::recover::{FoundRange, RangeResolution, Tail, resolve_range};

pub(super) fn settle(mbox: &Mbox<'_>, promised: &[Promised<'_>]) -> Result<Vec<Settled>, TargetError> {
    mbox.check_folder()?;
    let lost = vec![Settled::Lost; promised.len()];
    if mbox.host.stat(mbox.path()).map_err(TargetError::io("look at", mbox.path()))?.is_none() {
        // Mail readers remove an mbox that is empty.
        return Ok(lost);
    }
    let file = mbox.open(false)?;
    let pieces = pieces(promised, mbox.target.compression.is_some());
    let mut settling =
        Settling { mbox, promised, pieces, file, settled: lost, is_cut: false, whole: Vec::new(), wanted: Vec::new() };
    settling.resolve()?;
    settling.search()?;
    Ok(settling.finish())
}

pub(super) fn take_back(mbox: &Mbox<'_>, promised: &Promised<'_>) -> Result<bool, TargetError> {
    if mbox.host.stat(mbox.path()).map_err(TargetError::io("look at", mbox.path()))?.is_none() {
        return Ok(true);
    }
    let (file, promised) = (mbox.open(false)?, std::slice::from_ref(promised));
    let pieces = pieces(promised, false);
    let mut settling = Settling {
        mbox,
        promised,
        pieces,
        file,
        settled: Vec::new(),
        is_cut: false,
        whole: Vec::new(),
        wanted: Vec::new(),
    };
    settling.take_back()
}

/// What was to be appended in one piece.
struct Piece {
    device: u64,
    inode: u64,
    range: Range<u64>,
    witness: Witness,
    dialect: Dialect,
    /// The numbers of its promises.
    parcels: Vec<usize>,
}

/// The pieces in the order of the file.
fn pieces(promised: &[Promised<'_>], is_archive: bool) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for (number, promised) in promised.iter().enumerate() {
        let Promise::Range { device, inode, offset, octets, hash, dialect } = promised.promise else { continue };
        let range = offset.0..offset.0.saturating_add(octets.0);
        let witness = Witness::of(hash);
        let is_it = |piece: &&mut Piece| is_archive && piece.range == range && piece.witness == witness;
        match pieces.iter_mut().find(is_it) {
            Some(piece) => piece.parcels.push(number),
            None => pieces.push(Piece { device, inode, range, witness, dialect, parcels: vec![number] }),
        }
    }
    pieces.sort_by_key(|piece| piece.range.start);
    pieces
}

/// What became of the piece before, which is all that can be told of one that follows it at once.
enum Before {
    Settled,
    /// It is not there.
    Missing,
    /// Other programs wrote from there on.
    Rewritten(u64),
}

struct Settling<'s> {
    mbox: &'s Mbox<'s>,
    promised: &'s [Promised<'s>],
    pieces: Vec<Piece>,
    file: Box<dyn SharedFile>,
    settled: Vec<Settled>,
    is_cut: bool,
    /// Where messages begin that lie where they were promised.
    whole: Vec<u64>,
    /// Promises whose message is to be looked for, each from a place on.
    wanted: Vec<(usize, u64)>,
}

impl Settling<'_> {
    fn failed(&self, doing: &'static str) -> impl FnOnce(io::Error) -> TargetError {
        TargetError::io(doing, self.mbox.path())
    }

    fn resolve(&mut self) -> Result<(), TargetError> {
        let mut before = Before::Settled;
        for at in 0..self.pieces.len() {
            let start = self.pieces[at].range.start;
            if at == 0 || self.pieces[at - 1].range.end != start {
                before = Before::Settled;
            }
            if matches!(before, Before::Missing) {
                self.set(at, Settled::NotDelivered);
                continue;
            }
            before = match (resolve_range(self.look(at)?), before) {
                (RangeResolution::SyncThenDelivered, _) => {
                    self.set(at, Settled::Delivered);
                    self.whole.push(start);
                    Before::Settled
                }
                (RangeResolution::NotDelivered, _) => {
                    self.set(at, Settled::NotDelivered);
                    Before::Missing
                }
                (RangeResolution::CutThenNotDelivered, _) => {
                    self.file.truncate(Octets(start)).map_err(self.failed("cut an unfinished message off"))?;
                    self.is_cut = true;
                    self.set(at, Settled::NotDelivered);
                    Before::Missing
                }
                (RangeResolution::SearchAfter, _) => self.want(at, start),
                (RangeResolution::SearchAll, Before::Rewritten(from)) => self.want(at, from),
                (RangeResolution::SearchAll, _) => self.want(at, 0),
            };
        }
        if self.is_cut {
            self.file.sync().map_err(self.failed("sync"))?;
        }
        Ok(())
    }

    fn take_back(&mut self) -> Result<bool, TargetError> {
        let Some(Range { start, end }) = self.pieces.first().map(|piece| piece.range.clone()) else { return Ok(false) };
        let is_last = self.file.identity().map_err(self.failed("look at"))?.octets.0 <= end;
        let is_archive = self.mbox.target.compression.is_some();
        match resolve_range(self.look(0)?) {
            RangeResolution::NotDelivered => Ok(true),
            RangeResolution::SyncThenDelivered | RangeResolution::CutThenNotDelivered if is_last && !is_archive => {
                self.file.truncate(Octets(start)).map_err(self.failed("cut a message off"))?;
                self.file.sync().map_err(self.failed("sync"))?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn set(&mut self, at: usize, settled: Settled) {
        for parcel in &self.pieces[at].parcels {
            self.settled[*parcel] = settled;
        }
    }

    fn want(&mut self, at: usize, from: u64) -> Before {
        self.wanted.extend(self.pieces[at].parcels.iter().map(|parcel| (*parcel, from)));
        Before::Rewritten(from)
    }

    fn look(&self, at: usize) -> Result<FoundRange, TargetError> {
        let piece = &self.pieces[at];
        let (start, end) = (Octets(piece.range.start), piece.range.end);
        let now = self.file.identity().map_err(self.failed("look at"))?;
        let is_same_file = (now.device, now.inode) == (piece.device, piece.inode);
        let found = |is_intact_before, tail| Ok(FoundRange { is_same_file, is_intact_before, tail });
        if now.octets < start {
            return found(false, Tail::Other);
        }
        let window = Window::read(&*self.file, start).map_err(self.failed("read"))?;
        if window.half() != piece.witness.before {
            return found(false, Tail::Other);
        }
        if now.octets == start {
            return found(true, Tail::Nothing);
        }
        let octets = Octets(end - start.0);
        if now.octets.0 >= end
            && half_of_range(&*self.file, start, octets).map_err(self.failed("read"))? == piece.witness.octets
        {
            return found(true, Tail::Whole);
        }
        let is_begun = self.is_begun(at)?;
        found(true, if is_begun { Tail::Begun } else { Tail::Other })
    }

    /// Whether the rest of the file is what an interrupted append left: its first octets, some of them zero where power was
    /// cut, and nothing else.
    fn is_begun(&self, at: usize) -> Result<bool, TargetError> {
        let mut place = self.pieces[at].range.start;
        let mut theirs = Comparison { file: &*self.file, place, is_begun: None };
        for piece in &self.pieces[at..] {
            if piece.range.start != place {
                break;
            }
            place = piece.range.end;
            let parcels = piece.parcels.iter().map(|parcel| &self.promised[*parcel].parcel);
            let compared = self.mbox.write(parcels, piece.dialect, &mut theirs);
            if let Some(is_begun) = theirs.is_begun {
                return Ok(is_begun);
            }
            compared?;
        }
        let now = self.file.identity().map_err(self.failed("look at"))?;
        Ok(now.octets.0 == theirs.place)
    }

    /// Looks for the messages that other programs may have moved. Each one that is found makes up for one promise.
    fn search(&mut self) -> Result<(), TargetError> {
        let Some(from) = self.wanted.iter().map(|(_, from)| *from).min() else { return Ok(()) };
        let (mut keys, mut wanted) = (Vec::<Key>::new(), Vec::new());
        for (parcel, from) in &self.wanted {
            let key = self.key(*parcel)?;
            let number = keys.iter().position(|known| *known == key).unwrap_or(keys.len());
            if number == keys.len() {
                keys.push(key);
            }
            wanted.push((*parcel, number, *from));
        }
        let is_archive = self.mbox.target.compression.is_some();
        let mut found = self.find(&keys, from)?;
        // Of an archive the places are those in its content, where nothing else is known of them.
        found.retain(|found| is_archive || !self.whole.contains(&found.at));
        for (parcel, key, from) in wanted {
            let is_it = |found: &Match| found.key == key && (is_archive || found.at >= from);
            if let Some(at) = found.iter().position(is_it) {
                found.remove(at);
                self.settled[parcel] = Settled::Delivered;
                // The last one may lack its line ends still.
                self.mbox.complete(&mut *self.file)?;
            }
        }
        Ok(())
    }

    fn key(&self, parcel: usize) -> Result<Key, TargetError> {
        let Promised { parcel, promise, .. } = &self.promised[parcel];
        let dialect = match promise {
            Promise::Range { dialect, .. } => *dialect,
            Promise::File { .. } | Promise::HandedOver => self.mbox.target.dialect,
        };
        let mut encoded = self.mbox.encoded(parcel, dialect)?;
        Key::of(&mut encoded).map_err(self.failed("read a held message for"))
    }

    fn find(&self, keys: &[Key], from: u64) -> Result<Vec<Match>, TargetError> {
        let file = FileReader { file: &*self.file, at: from };
        let mut reader: Box<dyn io::Read> = match self.mbox.target.compression {
            None => Box::new(file),
            Some(compression) => archive::reader(compression, file).map_err(self.failed("read"))?,
        };
        let mut search = Search::new(keys, from);
        let mut chunk = vec![0; CHUNK_OCTETS];
        loop {
            match reader.read(&mut chunk) {
                Ok(0) => return Ok(search.finish()),
                Ok(read) => search.push(&chunk[..read]),
                Err(error) if archive::is_damage(&error) => {
                    return Err(MboxError::Damaged(self.mbox.path().to_owned()).into());
                }
                Err(error) => return Err(self.failed("read")(error)),
            }
        }
    }

    /// Makes durable what was delivered.
    fn finish(mut self) -> Vec<Settled> {
        let is_delivered = self.settled.contains(&Settled::Delivered);
        if is_delivered && (self.file.sync().is_err() || self.mbox.sync_folder().is_err()) {
            for settled in self.settled.iter_mut().filter(|settled| **settled == Settled::Delivered) {
                *settled = Settled::Untrusted;
            }
        }
        self.settled
    }
}

/// Compares what is written to it with what a file has from a place on.
struct Comparison<'f> {
    file: &'f dyn SharedFile,
    place: u64,
    /// Known once they differ, or the file ends.
    is_begun: Option<bool>,
}

impl Write for Comparison<'_> {
    fn write(&mut self, ours: &[u8]) -> io::Result<usize> {
        // Nothing more is worth writing once that is known.
        if self.is_begun.is_some() {
            return Err(io::ErrorKind::Other.into());
        }
        let mut theirs = Vec::with_capacity(ours.len());
        FileReader { file: self.file, at: self.place }.take(ours.len() as u64).read_to_end(&mut theirs)?;
        self.place += theirs.len() as u64;
        if theirs.iter().zip(ours).any(|(their, our)| *their != 0 && their != our) {
            self.is_begun = Some(false);
        } else if theirs.len() < ours.len() {
            self.is_begun = Some(true);
        }
        Ok(ours.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
