//! How one connection of the server misbehaves, as plain data.
//!
//! Replies are counted from 0, the greeting; commands from 1, so that command k gets reply k. Only AUTH in two steps
//! shifts that: its continuation is a reply without a command of its own.
//!
//! A fault of a *reply* falls after the command took effect; [`Faults::refuse_command`] is the one that prevents it.

/// The behaviour of one connection. The default is a correct server with UIDL, TOP and CAPA.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, enumerated by a simulation")]
pub struct Faults {
    /// What becomes of a login with the right password.
    pub login: Login,
    /// What becomes of QUIT after a login.
    pub quit: Quit,
    /// The numbering of the messages in this session.
    pub order: Order,
    /// Every unique-id of this session ends with this octet: a server that makes new ones in each session.
    pub uid_mark: Option<u8>,
    /// A listing that shows the first messages only.
    pub list_only: Option<ListOnly>,
    /// The session sees an empty mailbox.
    pub empty_listing: bool,
    /// One message that makes trouble in every session.
    pub bad_message: Option<BadMessage>,

    /// Close instead of sending this reply.
    pub drop_at_reply: Option<u32>,
    /// Close within this reply.
    pub cut_reply: Option<(u32, CutAt)>,
    /// Close after so many octets of the connection's whole output.
    pub cut_after_octets: Option<u64>,
    /// Never send this reply, nor read or answer anything after it.
    pub silent_at_reply: Option<u32>,
    /// Send a line that is no reply in the place of this one, and go on.
    pub garbage_instead_of_reply: Option<u32>,
    /// Send a line without an end in the place of this reply.
    pub endless_line_at_reply: Option<u32>,
    /// The UIDL listing goes on for ever after the real messages.
    pub endless_list: bool,

    /// Answer `-ERR` to this command, without an effect. A refused QUIT and a refused greeting (0) close the connection.
    pub refuse_command: Option<u32>,
    /// Text after the `-ERR` of [`Faults::refuse_command`], such as `[SYS/TEMP]`.
    pub refuse_code: Option<String>,

    /// After a login was tried, each status line and a line of CAPA repeat the password, in base64 too if it came so.
    pub repeat_password: bool,

    /// DELE is answered `+OK`, and QUIT removes nothing: a read-only mailbox.
    pub dele_ignored: bool,
    /// Messages whose RETR was answered are removed at QUIT as if they had been marked (`EXPIRE 0`, RFC 2449 §6.7).
    pub delete_on_retr_quit: bool,

    /// How long the server says that it keeps messages, after the word EXPIRE (RFC 2449 §6.7), such as `14 USER`.
    pub expire: Option<String>,

    /// TOP is neither known nor announced.
    pub no_top: bool,
    /// UIDL is neither known nor announced.
    pub no_uidl: bool,
    /// CAPA is not known.
    pub no_capa: bool,
    /// PIPELINING is announced. Pipelined commands are answered in order either way.
    pub pipelining: bool,
    /// RESP-CODES and AUTH-RESP-CODE are announced (RFC 2449 §8, RFC 3206).
    pub resp_codes: bool,
}

/// What becomes of a login with the right password.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Login {
    /// It succeeds.
    #[default]
    Ok,
    /// The password is called wrong; with `[AUTH]` where response codes are announced.
    Rejected,
    /// `[IN-USE]`: another session holds the mailbox (RFC 2449 §8.1.2).
    InUse,
    /// `[LOGIN-DELAY]`: the last login was too recent (RFC 2449 §8.1.1).
    LoginDelay,
    /// `[SYS/TEMP]` (RFC 3206 §4).
    SysTemp,
    /// `[SYS/PERM]` (RFC 3206 §4).
    SysPerm,
}

/// What becomes of QUIT after a login (RFC 1939 §6). The connection is closed in every case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Quit {
    /// The marked messages are removed, then `+OK`.
    #[default]
    Applied,
    /// `+OK`, and nothing is removed.
    AnsweredNotApplied,
    /// The marked messages are removed, and no reply is sent.
    AppliedUnanswered,
    /// Nothing is removed, and no reply is sent.
    Lost,
    /// `-ERR`, and nothing is removed.
    Rejected,
    /// The first marked message is removed, then `-ERR`.
    RejectedHalfway,
}

/// The numbering of the messages in one session.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Order {
    /// As they are stored.
    #[default]
    AsStored,
    /// The last one stored is number 1.
    Reversed,
    /// Number 1 is the message after so many, and the first ones stored come last.
    Rotated(u32),
}

/// Where only the first messages are listed, and how many.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ListOnly {
    /// Everywhere: STAT and LIST agree with the short listing, and the others cannot be reached.
    Everywhere(u32),
    /// In UIDL; STAT and LIST show them all.
    InUidl(u32),
    /// In the first UIDL of the session; the next one is whole.
    InFirstUidl(u32),
}

/// Where a reply is cut.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CutAt {
    /// After its first line.
    FirstLine,
    /// After half of its octets.
    Half,
    /// Before its last line: the end mark of a multi-line reply.
    LastLine,
    /// Before its last octet.
    LastOctet,
}

/// One message that makes trouble.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct BadMessage {
    /// Its unique-id.
    pub uid: Vec<u8>,
    /// The trouble.
    pub fault: MessageFault,
}

/// The trouble that one message makes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MessageFault {
    /// RETR sends half of it and closes.
    RetrCut,
    /// RETR is answered `-ERR`.
    RetrRefused,
    /// DELE is answered `-ERR`.
    DeleRefused,
    /// RETR sends it without dot-stuffing, as Dovecot 2.3 does with a dot that is a message's first octet.
    RetrUnstuffed,
}
