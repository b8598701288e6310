//! What lies in each target, read apart from the program.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use fetchonce::model::Target;

use crate::disk::Disk;
use crate::mailboxes::ours;
use crate::stdout::messages;
use crate::world::{MAILDIR, OTHER_MAILDIR, World};

type Contents = Vec<Arc<Vec<u8>>>;

/// Which of what was written counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Layer {
    /// What readers see now.
    Volatile,
    /// What the worst power cut would leave.
    Durable,
}

impl Layer {
    fn contents(self, disk: &Disk, folder: &Path) -> Contents {
        match self {
            Self::Volatile => disk.contents(folder),
            Self::Durable => disk.durable_contents(folder),
        }
    }

    fn content(self, disk: &Disk, file: &Path) -> Option<Arc<Vec<u8>>> {
        match self {
            Self::Volatile => disk.look(file).map(|(_, content, _)| content),
            Self::Durable => disk.durable_content(file),
        }
    }
}

impl World {
    /// The messages that a target has, or had before a reader removed them, sorted.
    pub(crate) fn in_target(&self, target: &Target, layer: Layer) -> Contents {
        let mut all = match target {
            Target::Maildir(folder) => self.in_maildir(&folder.path, layer),
            // The simulated messages have no date: they lie where the year of the fetch leads.
            Target::Eml(folder) => layer.contents(&self.disk, &folder.path.join("2023")),
            Target::Pipe(pipe) => self.in_program(&pipe.argv[0]),
            Target::Lmtp(_) => self.mailbox.messages.clone(),
            Target::Stdout(_) => self.in_reader(),
            Target::Mbox(mbox) => layer.content(&self.disk, &mbox.path).map_or(vec![], |content| ours(mbox, &content)),
            Target::Smtp(_) => panic!("no reader of {target}"),
        };
        all.sort();
        all
    }

    /// What a program has that drops repeats by their token.
    fn in_program(&self, program: &str) -> Contents {
        let mut by_token = BTreeMap::new();
        for piped in self.piped.iter().filter(|piped| piped.program == program) {
            let line = format!("X-Fetchonce-Token: {}\n", piped.token);
            let message = piped.content.strip_prefix(line.as_bytes()).expect("the token is in the header too");
            let before = by_token.insert(&piped.token, message.to_vec());
            assert!(before.is_none_or(|before| before == message), "another message has the same token");
        }
        by_token.into_values().map(Arc::new).collect()
    }

    /// What a reader of standard output has that takes a repeat, which it tells by the token, for what it repeats.
    fn in_reader(&self) -> Contents {
        let mut by_token: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for (token, message) in self.output.iter().flat_map(|stream| messages(stream)) {
            let before = by_token.insert(token, message.clone()).unwrap_or_default();
            assert!(message.starts_with(&before), "the repeat is another message");
        }
        by_token.into_values().map(Arc::new).collect()
    }

    fn in_maildir(&self, path: &Path, layer: Layer) -> Contents {
        let mut all = Vec::new();
        let mut roots = vec![path];
        if path == Path::new(MAILDIR) {
            all.extend(self.removed.iter().cloned());
            // Where an only target is configured anew, what it delivered before lies in the other one.
            if self.targets.len() == 1 {
                roots.push(Path::new(OTHER_MAILDIR));
            }
        }
        for root in roots {
            for sub in ["new", "cur"] {
                all.extend(layer.contents(&self.disk, &root.join(sub)));
            }
        }
        all
    }
}
