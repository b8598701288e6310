//! What `max_size` leaves on the server, announced by its header: a stub, delivered once like any message.

use std::collections::HashSet;

use super::session::Open;
use super::targets::Targets;
use super::{FetchError, Runner};
use crate::deliver::files::FileStore as _;
use crate::deliver::staging::Staged;
use crate::index::IntentRecord;
use crate::model::{Listed, MessageNumber, Octets, RowId, Uid, limits};
use crate::plan::{Fetch, FetchRow};
use crate::pop3::TopReply;
use crate::report::Problem;

/// A stub that is whole in `tmp/` of its target, not durable yet.
struct Waiting {
    staged: Staged,
    record: IntentRecord,
    uid: Uid,
}

impl Runner<'_, '_> {
    /// Delivers the headers of messages that stay on the server. No limit but the time counts them.
    pub(super) fn announce(
        &mut self,
        open: &mut Open<'_>,
        targets: &mut Targets<'_>,
        stubs: &[Fetch],
    ) -> Result<(), FetchError> {
        let Some(most) = self.job.intake.max_size else { return Ok(()) };
        let mut refused: Option<(usize, String)> = None;
        for chunk in stubs.chunks(limits::BATCH_MESSAGES) {
            if targets.are_all_stopped() || self.is_time_up() {
                break;
            }
            let mut headers = Vec::new();
            for (stub, reply) in chunk.iter().zip(self.ask_headers(open, chunk)?) {
                match (reply, stub.row.committed(&open.fresh)) {
                    (TopReply::Seen(_, header), Some(row)) => headers.push((row, &stub.listed, header)),
                    // Once is enough: later runs ask again, and say nothing.
                    (TopReply::Refused(text), _) if matches!(stub.row, FetchRow::Fresh(_)) => {
                        refused = Some((refused.map_or(1, |(messages, _)| messages + 1), text));
                    }
                    _ => {}
                }
            }
            self.deliver_headers(targets, &headers, most)?;
        }
        if let Some((messages, text)) = refused {
            self.problem(Problem::Oversize { messages, most, no_header: Some(text) });
        }
        Ok(())
    }

    fn ask_headers(&mut self, open: &mut Open<'_>, stubs: &[Fetch]) -> Result<Vec<TopReply>, FetchError> {
        let numbers: Vec<MessageNumber> = stubs.iter().map(|stub| stub.listed.number).collect();
        let mut replies = Vec::new();
        let asked = open.session.top_headers(&numbers, &mut |_, reply| replies.push(reply));
        match (asked, stubs.get(replies.len())) {
            (Ok(()), _) => Ok(replies),
            (Err(error), Some(broken)) => Err(self.blame(open, broken, error.into())),
            (Err(error), None) => Err(error.into()),
        }
    }

    fn deliver_headers(
        &mut self,
        targets: &mut Targets<'_>,
        headers: &[(RowId, &Listed, Vec<u8>)],
        most: Octets,
    ) -> Result<(), FetchError> {
        if headers.is_empty() {
            return Ok(());
        }
        let inbox = targets.inbox(self.index)?;
        self.free_space(targets, inbox, Octets::default())?;
        let messages: Vec<(RowId, &Listed)> = headers.iter().map(|(row, listed, _)| (*row, *listed)).collect();
        let rows = self.index.add_stubs(&messages)?;
        let mut waiting: Vec<Waiting> = Vec::new();
        for (row, (_, listed, header)) in rows.into_iter().zip(headers) {
            let stub = stub(header, listed.size.unwrap_or_default(), most);
            let (staged, content) = targets.get(self.index, inbox)?.staging().copy_in(&mut &stub[..])?;
            if waiting.iter().any(|waiting| waiting.record.content.header == content.header) {
                self.deliver_stubs(targets, inbox, std::mem::take(&mut waiting))?;
            }
            // Mail that was renumbered is announced already.
            if let Some(known) = self.index.stub_with(content.header)? {
                targets.get(self.index, inbox)?.staging().discard(staged.delivery())?;
                self.index.adopt(row, known, false)?;
                continue;
            }
            let (delivery, inode) = (staged.delivery().clone(), staged.inode());
            let record = IntentRecord { row, delivery, inode, content };
            waiting.push(Waiting { staged, record, uid: listed.uid.clone() });
        }
        self.deliver_stubs(targets, inbox, waiting)
    }

    /// Makes stubs durable and records them, in the order of the life of a message.
    fn deliver_stubs(
        &mut self,
        targets: &mut Targets<'_>,
        inbox: i64,
        waiting: Vec<Waiting>,
    ) -> Result<(), FetchError> {
        if waiting.is_empty() {
            return Ok(());
        }
        let (mut files, mut records, mut uids) = (Vec::new(), Vec::new(), Vec::new());
        for stub in waiting {
            files.push(stub.staged);
            records.push(stub.record);
            uids.push(stub.uid);
        }
        self.record_durably(targets, inbox, files, &records)?;
        if targets.direct().is_none() {
            let rows: HashSet<RowId> = records.iter().map(|record| record.row).collect();
            return self.distribute_rows(targets, &rows);
        }
        for uid in &uids {
            self.announced(uid);
        }
        Ok(())
    }
}

/// What is delivered in the place of a message: its header in stored form, and a body that says why.
///
/// The fields that hold for the whole message alone get another name. Those of MIME would hide the body from readers, and
/// a target that drops what has a known Message-ID would drop the message when it comes.
fn stub(header: &[u8], size: Octets, most: Octets) -> Vec<u8> {
    let mut stub = format!("X-Fetchonce-Headers-Only: {} octets left on the server\n", size.0).into_bytes();
    let lines = header.split_inclusive(|octet| *octet == b'\n').take_while(|line| *line != b"\n");
    // A line that is cut off is left out.
    for line in lines.filter(|line| line.ends_with(b"\n")) {
        if is_of_whole_message(line) {
            stub.extend_from_slice(b"X-Original-");
        }
        stub.extend_from_slice(line);
    }
    let body = format!(
        "\nThis message is larger than {most}, the `max_size` of its account: only its header was fetched,\n\
         and all of it stays on the server until `max_size` is raised.\n"
    );
    stub.extend_from_slice(body.as_bytes());
    stub
}

fn is_of_whole_message(line: &[u8]) -> bool {
    let name = line.split(|octet| *octet == b':').next().unwrap_or_default().trim_ascii_end().to_ascii_lowercase();
    name.starts_with(b"content-") || matches!(&name[..], b"message-id" | b"resent-message-id")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stub_of(header: &str) -> String {
        String::from_utf8(stub(header.as_bytes(), Octets(2_000_000), Octets(1 << 20))).unwrap()
    }

    #[test]
    fn a_stub_is_the_header_under_a_field_of_ours_with_a_body_that_can_be_read() {
        let header = "Subject: a\n b\nMessage-ID : <1@example.com>\nMIME-Version: 1.0\ncontent-type: multipart/mixed;\n \
                      boundary=x\nContent-Transfer-Encoding: base64\nContents: c\n";
        let expected = "X-Fetchonce-Headers-Only: 2000000 octets left on the server\n\
                        Subject: a\n b\nX-Original-Message-ID : <1@example.com>\nMIME-Version: 1.0\n\
                        X-Original-content-type: multipart/mixed;\n boundary=x\n\
                        X-Original-Content-Transfer-Encoding: base64\nContents: c\n\n\
                        This message is larger than 1.0 MiB, the `max_size` of its account: only its header was fetched,\n\
                        and all of it stays on the server until `max_size` is raised.\n";
        assert_eq!(stub_of(&format!("{header}\n")), expected);
        // A server that sends more than was asked for, or no empty line; and a header that was cut off.
        assert_eq!(stub_of(&format!("{header}\nbody\nContent-Type: x\n")), expected);
        assert_eq!(stub_of(header), expected);
        assert_eq!(stub_of(&format!("{header}To: a, b, c")), expected);
    }

    #[test]
    fn a_message_without_a_header_has_a_stub_too() {
        for header in ["", "\n", "\nbody\n"] {
            let stub = stub_of(header);
            assert!(stub.starts_with("X-Fetchonce-Headers-Only: 2000000 octets left on the server\n\nThis "), "{stub}");
        }
    }
}
