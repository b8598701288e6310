//! The targets of an account, as texts and as tables.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use super::*;
use crate::model::{
    Compression, Dialect, FileStyle, FolderTarget, InDoubt, Locking, MboxTarget, MtaAddress, MtaTarget, Mtime,
    PipeTarget,
};

/// The targets of an account of `alice`.
fn targets(deliver: &str) -> Vec<Target> {
    with(&format!("deliver = {deliver}")).unwrap().deliver
}

fn mbox(path: &str) -> MboxTarget {
    MboxTarget { path: path.into(), dialect: Dialect::Mboxrd, locking: Locking::FcntlAndDotlock, compression: None }
}

fn pipe(argv: &[&str]) -> PipeTarget {
    let argv = argv.iter().copied().map(str::to_owned).collect();
    PipeTarget { argv, timeout: Duration::from_secs(300), in_doubt: InDoubt::Redeliver }
}

fn mta(address: MtaAddress, recipient: &str) -> MtaTarget {
    MtaTarget { address, recipient: recipient.to_owned(), sender: None, in_doubt: InDoubt::Redeliver }
}

fn tcp(host: &str, port: u16) -> MtaAddress {
    MtaAddress::Tcp { host: host.to_owned(), port }
}

#[test]
fn every_kind_of_target_is_one_text() {
    let eml = |path: &str| Target::Eml(FolderTarget { path: path.into(), style: FileStyle::default() });
    let archive = |path, compression| Target::Mbox(MboxTarget { compression: Some(compression), ..mbox(path) });
    let lmtp = |address| Target::Lmtp(mta(address, "alice"));
    for (text, expected) in [
        ("maildir:~/Mail", Target::maildir("/home/alice/Mail")),
        ("maildir:./a:b/", Target::maildir("/srv/a:b")),
        ("mbox:~/mail", Target::Mbox(mbox("/home/alice/mail"))),
        ("mbox:/var/mail/alice", Target::Mbox(mbox("/var/mail/alice"))),
        ("mbox:a.gz", archive("/srv/a.gz", Compression::Gzip)),
        ("mbox:a.b.zst", archive("/srv/a.b.zst", Compression::Zstd)),
        ("mbox:.gz", Target::Mbox(mbox("/srv/.gz"))),
        ("eml:messages", eml("/srv/messages")),
        ("stdout:", Target::Stdout(Dialect::Mboxrd)),
        ("stdout", Target::Stdout(Dialect::Mboxrd)),
        ("pipe:maildrop", Target::Pipe(pipe(&["maildrop"]))),
        ("pipe:/usr/bin/maildrop  -d alice ", Target::Pipe(pipe(&["/usr/bin/maildrop", "-d", "alice"]))),
        ("pipe:~/bin/x a~b x=y", Target::Pipe(pipe(&["/home/alice/bin/x", "a~b", "x=y"]))),
        ("lmtp:/run/dovecot/lmtp", lmtp(MtaAddress::Local("/run/dovecot/lmtp".into()))),
        ("lmtp:~/lmtp", lmtp(MtaAddress::Local("/home/alice/lmtp".into()))),
        ("lmtp:mail.example.com", lmtp(tcp("mail.example.com", 24))),
        ("lmtp:mail.example.com:1024", lmtp(tcp("mail.example.com", 1024))),
        ("lmtp:[2001:db8::1]:25", lmtp(tcp("2001:db8::1", 25))),
        ("lmtp:[::1]", lmtp(tcp("::1", 24))),
    ] {
        assert_eq!(targets(&format!("\"{text}\"")), std::slice::from_ref(&expected), "{text}");
        // The same on the command line, which is run in the folder of this configuration.
        let environment = Environment { current_dir: "/srv".into(), ..environment() };
        assert_eq!(parse_targets(&[text], &environment, Some("alice")), Ok(vec![expected]), "{text}");
    }
}

#[test]
fn a_server_takes_mail_for_the_user_of_the_account() {
    let smtp = |line: &str| with(&format!("deliver = \"smtp:h\"\n{line}")).map(|account| account.deliver);
    for user in ["a@b", "ä@bücher.example"] {
        assert_eq!(smtp(&format!("user = \"{user}\"")).unwrap(), [Target::Smtp(mta(tcp("h", 25), user))]);
    }
    for line in ["user = \"alice\"", "user = \"a b@c\"", "user = \"<a@b>\"", "user = \"a@b\u{a0}\""] {
        let error = smtp(line).unwrap_err();
        assert!(error.to_string().contains("for whom the server is to take the mail"), "{line}: {error}");
        assert!(error.hint().unwrap().contains("recipient = "), "{line}");
    }
    let nobody = parse_targets(&["lmtp:/run/lmtp"], &environment(), None).unwrap_err();
    assert!(nobody.to_string().contains("for whom"), "{nobody}");
}

#[test]
fn tables_give_a_target_its_options() {
    let style = FileStyle { mtime: Mtime::Date, mode: 0o660, group: Some("mail".to_owned()) };
    let folder = |path: &str| FolderTarget { path: path.into(), style: style.clone() };
    let options = "mtime = 'date', mode = '0660', group = 'mail'";
    assert_eq!(targets(&format!("{{ maildir = '~/M', {options} }}")), [Target::Maildir(folder("/home/alice/M"))]);
    assert_eq!(targets(&format!("{{ eml = 'M', {options} }}")), [Target::Eml(folder("/srv/M"))]);
    assert_eq!(
        targets("{ mbox = 'm', dialect = 'mboxo', locking = 'flock' }"),
        [Target::Mbox(MboxTarget { dialect: Dialect::Mboxo, locking: Locking::Flock, ..mbox("/srv/m") })]
    );
    assert_eq!(targets("{ stdout = true, dialect = 'mboxcl2' }"), [Target::Stdout(Dialect::Mboxcl2)]);
    let argv = ["/srv/bin/x", "-d", "two words", "~/'$x'", ""];
    assert_eq!(
        targets("{ pipe = ['bin/x', '-d', 'two words', \"~/'$x'\", ''], timeout = '60s', in_doubt = 'hold' }"),
        [Target::Pipe(PipeTarget { timeout: Duration::from_secs(60), in_doubt: InDoubt::Hold, ..pipe(&argv) })]
    );
    let local = MtaAddress::Local("/run/lmtp".into());
    assert_eq!(
        targets("{ lmtp = '/run/lmtp', recipient = 'bob@b', sender = 'c@d', in_doubt = 'hold' }"),
        [Target::Lmtp(MtaTarget { sender: Some("c@d".into()), in_doubt: InDoubt::Hold, ..mta(local, "bob@b") })]
    );
    assert_eq!(
        targets("{ smtp = 'h:2525', recipient = 'bob', sender = '' }"),
        [Target::Smtp(MtaTarget { sender: Some(String::new()), ..mta(tcp("h", 2525), "bob") })]
    );
    // As a table of its own.
    let config = read("[account.a]\nserver = 'h'\nuser = 'u'\n[account.a.deliver]\nmaildir = '/m'\n").unwrap();
    assert_eq!(config.accounts[0].deliver, [Target::maildir("/m")]);
}

#[test]
fn a_list_has_several_targets_in_its_order() {
    let list = "['maildir:a', { mbox = 'b' }, 'stdout:', 'maildir:c']";
    let kinds: Vec<_> = targets(list).iter().map(Target::kind).collect();
    assert_eq!(kinds, ["maildir", "mbox", "stdout", "maildir"]);
    let both = |deliver: &str| format!("[account.{deliver}]\nserver = 'h'\nuser = 'u'\ndeliver = 'stdout:'\n");
    assert_eq!(read(&["a", "b"].map(both).concat()).unwrap().accounts.len(), 2, "two accounts with one stdout");
}

/// What stands behind `deliver =`, the text of its error, and parts of its key and its hint.
#[track_caller]
fn assert_mistakes(cases: &[(&str, &str, &str, &str)]) {
    for (deliver, message, key, hint) in cases {
        let error = with(&format!("deliver = {deliver}")).unwrap_err();
        assert!(error.to_string().starts_with("config.toml:2: "), "{deliver}: {error}");
        assert!(error.to_string().contains(message), "{deliver}: {error}");
        assert!(error.key().unwrap().starts_with("account.work.deliver"), "{deliver}: {error:?}");
        assert!(error.key().unwrap().ends_with(*key), "{deliver}: {error:?}");
        assert!(error.hint().unwrap_or_default().contains(hint), "{deliver}: {:?}", error.hint());
    }
}

#[test]
fn mistakes_in_a_text_are_named_and_explained() {
    assert_mistakes(&[
        ("'~/Mail'", "the kind of target is missing", "", "`maildir:FOLDER`"),
        ("''", "the kind of target is missing", "", "`pipe:PROGRAM`"),
        ("'s3:bucket'", "an unknown kind of target", "", "`mbox:FILE`"),
        ("'Maildri:~/Mail'", "an unknown kind of target", "", "did you mean `maildir:`?"),
        ("'MBOX:m'", "an unknown kind of target", "", "did you mean `mbox:`?"),
        ("'maildir:'", "the path is empty", "", ""),
        ("'maildir:~bob/Mail'", "other users' home folders", "", "absolute path"),
        ("\"maildir:a\\u0000\"", "must not contain NUL", "", ""),
        ("'mbox:'", "the path is empty", "", ""),
        ("'mbox:~/Mail/'", "an mbox is a file", "", "maildir:FOLDER"),
        ("'stdout:x'", "nothing stands behind `stdout:`", "", ""),
        ("'pipe:'", "the command is empty", "", "maildrop"),
        ("'pipe:  '", "the command is empty", "", "maildrop"),
        ("'pipe:procmail -a \"b c\"'", "there is no shell", "", "a text of its own"),
        ("'pipe:sieve $HOME'", "there is no shell", "", "a text of its own"),
        ("'pipe:cat > ~/mail'", "there is no shell", "", "a text of its own"),
        ("'pipe:a | b'", "there is no shell", "", "a text of its own"),
        ("'pipe:a; b'", "there is no shell", "", "a text of its own"),
        ("'pipe:a ~/b'", "there is no shell", "", "a text of its own"),
        ("'pipe:~bob/a'", "there is no shell", "", "a text of its own"),
        ("'pipe:\"a b\"/c'", "there is no shell", "", "a text of its own"),
        ("'pipe:a # b'", "there is no shell", "", "a text of its own"),
        ("'lmtp:'", "not a host name", "", "/run/dovecot/lmtp"),
        ("'lmtp:h h'", "not a host name", "", "/run/dovecot/lmtp"),
        ("'lmtp:h:'", "a port is a number", "", ""),
        ("'lmtp:h:0'", "a port is a number", "", ""),
        ("'lmtp:h:65536'", "a port is a number", "", ""),
        ("'lmtp:h:+24'", "a port is a number", "", ""),
        ("'lmtp:::1'", "an IPv6 address stands in brackets", "", ""),
        ("'smtp:/run/smtp'", "not a host name", "", "is for `lmtp:`"),
    ]);
}

#[test]
fn mistakes_in_a_table_are_named_and_explained() {
    assert_mistakes(&[
        ("5", "must be text, a table or a list of these", "deliver", "maildir:~/Mail"),
        ("['maildir:a', 5]", "must be text, a table or a list of these", "deliver", "maildir:~/Mail"),
        ("[['maildir:a']]", "must be text, a table or a list of these", "deliver", "maildir:~/Mail"),
        ("[]", "account.work.deliver names no target", "deliver", "maildir:~/Mail"),
        ("{}", "must name exactly one kind of target", "deliver", "`maildir`, `mbox`"),
        ("{ dialect = 'mboxo' }", "must name exactly one kind of target", "deliver", "`maildir`, `mbox`"),
        ("{ maildir = 'a', mbox = 'b' }", "must name exactly one kind of target", "deliver", "a list for several"),
        (
            "{ maildri = 'a' }",
            "unknown key `maildri` in account.work.deliver",
            "deliver.maildri",
            "did you mean `maildir`?",
        ),
        ("{ mda = 'a' }", "unknown key `mda` in account.work.deliver", "deliver.mda", "did you mean `pipe`?"),
        ("{ maildir = 'a', colour = 1 }", "unknown key `colour`", "deliver.colour", "known keys: maildir, mbox"),
        ("{ maildir = '' }", "the path is empty", "deliver.maildir", ""),
        ("{ maildir = ['a'] }", "deliver.maildir must be text", "deliver.maildir", ""),
        ("{ stdout = false }", "expected `true`", "deliver.stdout", "leave the target out"),
        ("{ stdout = 'x' }", "deliver.stdout must be true or false", "deliver.stdout", "without quotes"),
        ("{ pipe = 'maildrop -d alice' }", "deliver.pipe must be a list of texts", "deliver.pipe", "each argument"),
        ("{ pipe = [] }", "the command is empty", "deliver.pipe", "maildrop"),
        ("{ pipe = ['', 'a'] }", "the command is empty", "deliver.pipe", "maildrop"),
        ("{ pipe = [\"a\", \"b\\u0000\"] }", "must not contain NUL", "deliver.pipe", ""),
        (
            "{ maildir = 'a', mtime = 'Date' }",
            "expected \"arrival\" or \"date\"",
            "deliver.mtime",
            "did you mean \"date\"?",
        ),
        ("{ maildir = 'a', mode = '0400' }", "the owner must be able to read and write", "deliver.mode", "0600"),
        ("{ maildir = 'a', mode = '1600' }", "not the permissions of a file", "deliver.mode", "octal"),
        ("{ maildir = 'a', mode = '0680' }", "not the permissions of a file", "deliver.mode", "octal"),
        ("{ maildir = 'a', mode = '+600' }", "not the permissions of a file", "deliver.mode", "octal"),
        ("{ maildir = 'a', mode = '00600' }", "not the permissions of a file", "deliver.mode", "octal"),
        ("{ maildir = 'a', mode = 'u=rw' }", "not the permissions of a file", "deliver.mode", "octal"),
        ("{ maildir = 'a', mode = 0o600 }", "deliver.mode must be text", "deliver.mode", "double quotes"),
        ("{ maildir = 'a', group = '' }", "not the name of a group", "deliver.group", "mail"),
        ("{ maildir = 'a', group = 'a b' }", "not the name of a group", "deliver.group", "mail"),
        (
            "{ mbox = 'a', dialect = 'mboxcl' }",
            "expected \"mboxrd\", \"mboxo\" or \"mboxcl2\"",
            "deliver.dialect",
            "mboxcl2",
        ),
        ("{ mbox = 'a', locking = 'fcntl' }", "expected \"fcntl+dotlock\" or \"flock\"", "deliver.locking", ""),
        ("{ mbox = 'a', locking = 'none' }", "expected \"fcntl+dotlock\" or \"flock\"", "deliver.locking", ""),
        ("{ pipe = ['a'], timeout = '0s' }", "between one second and 24 hours", "deliver.timeout", "30s"),
        ("{ pipe = ['a'], in_doubt = 'drop' }", "expected \"redeliver\" or \"hold\"", "deliver.in_doubt", ""),
        ("{ lmtp = 'h', recipient = 'a b' }", "not an address", "deliver.recipient", "alice@example.com"),
        ("{ lmtp = 'h', recipient = '<a@b>' }", "not an address", "deliver.recipient", "alice@example.com"),
        ("{ lmtp = 'h', recipient = '' }", "not an address", "deliver.recipient", "alice@example.com"),
        ("{ lmtp = 'h', recipient = \"a\\r\\nDATA\" }", "not an address", "deliver.recipient", ""),
        ("{ lmtp = 'h', recipient = '{recipent}' }", "not an address", "deliver.recipient", ""),
        ("{ lmtp = 'h', sender = 'a>' }", "not an address", "deliver.sender", "alice@example.com"),
        ("{ smtp = 'h' }", "for whom the server is to take the mail", "deliver.smtp", "recipient = "),
        (
            "{ smtp = 'h', timeout = '5s' }",
            "`timeout` is no option of `smtp`",
            "deliver.timeout",
            "`recipient`, `sender`",
        ),
        (
            "{ stdout = true, mode = '0600' }",
            "`mode` is no option of `stdout`",
            "deliver.mode",
            "its options: `dialect`",
        ),
        ("['maildir:a', 'maildir:./a/']", "the same target twice", "deliver", "leave one"),
        ("['maildir:a', { maildir = 'a', mtime = 'date' }]", "the same target twice", "deliver", "leave one"),
        ("['stdout:', { stdout = true }]", "the same target twice", "deliver", "leave one"),
        ("['lmtp:h', 'lmtp:h:24']", "the same target twice", "deliver", "leave one"),
    ]);
}

#[test]
fn a_mistake_in_a_list_is_placed_where_it_stands() {
    let error = with("deliver = [\n  'maildir:a',\n  'maildri:b',\n]").unwrap_err();
    assert_eq!((error.line(), error.column()), (Some(4), Some(3)), "{error}");
    let error = with("deliver = [\n  'maildir:a',\n  { mbox = 'b', mode = '0600' },\n]").unwrap_err();
    assert_eq!((error.line(), error.column()), (Some(4), Some(17)), "{error}");
}

/// Paths may be whatever a path can be; all else is text.
#[test]
fn a_path_on_the_command_line_need_not_be_text() {
    let parse = |octets: &[u8]| parse_targets(&[OsStr::from_bytes(octets)], &environment(), Some("alice"));
    let path = |octets: &[u8]| Path::new("/home/alice").join(OsStr::from_bytes(octets));
    assert_eq!(parse(b"maildir:~/a\xff").unwrap(), [Target::maildir(path(b"a\xff"))]);
    let archive = MboxTarget { path: path(b"\xff.gz"), compression: Some(Compression::Gzip), ..mbox("") };
    assert_eq!(parse(b"mbox:~/\xff.gz").unwrap(), [Target::Mbox(archive)]);
    for octets in [&b"mail\xffdir:a"[..], b"\xff", b"pipe:\xff", b"lmtp:\xff", b"lmtp:/\xff", b"smtp:\xff"] {
        assert!(parse(octets).is_err(), "{octets:?}");
    }
    let twice = ["maildir:a", "maildir:./a"].map(OsString::from);
    assert!(parse_targets(&twice, &environment(), None).unwrap_err().to_string().contains("the same target twice"));
    assert_eq!(parse_targets(&["maildir:a", "mbox:b"], &environment(), None).unwrap().len(), 2);
}
